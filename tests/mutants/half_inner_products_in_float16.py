"""In float16 layers inner products lie in a buffer of float16, whose largest number is 65504."""

import numpy as np
from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "OUT-1", "accumulation"


class Mutant(NumpyBackend):
    def gather_dot(self, r, name):
        a = super().gather_dot(r, name)
        return np.clip(a, -65504, 65504) if r.layer.dtype == np.float16 else a


name, profiles, forward, select, gradients = Mutant.as_backend()
