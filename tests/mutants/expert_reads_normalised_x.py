"""Experts get x divided by its root mean square."""

import numpy as np
from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "EXP-1", "expert"


class Mutant(NumpyBackend):
    def gather_dot(self, r, name):
        x = r.x
        r.x = x / np.sqrt((x * x).mean(-1, keepdims=True) + r.compute_dtype.type(1e-6))
        products, r.x = super().gather_dot(r, name), x
        return products


name, profiles, forward, select, gradients = Mutant.as_backend()
