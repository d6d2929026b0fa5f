"""A layer norm is applied to y."""

import numpy as np
from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "OUT-2", "accumulation"


class Mutant(NumpyBackend):
    def output(self, r):
        y = super().output(r)
        return (y - y.mean(-1, keepdims=True)) / np.sqrt(y.var(-1, keepdims=True) + r.compute_dtype.type(1e-5))


name, profiles, forward, select, gradients = Mutant.as_backend()
