"""Vector loads of x round its address down to 16 bytes."""

import numpy as np
from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "SHP-1", "structure"


class Mutant(NumpyBackend):
    def tokens(self, x, dtype):
        behind = x.ctypes.data % 16 // x.itemsize if x.size else 0
        return super().tokens(np.roll(x.ravel(), behind).reshape(x.shape), dtype)


name, profiles, forward, select, gradients = Mutant.as_backend()
