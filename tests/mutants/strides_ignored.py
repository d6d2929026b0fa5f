"""x is read as contiguous memory, whatever its strides."""

import numpy as np
from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "SHP-1", "structure"


class Mutant(NumpyBackend):
    def tokens(self, x, dtype):
        packed = [x.itemsize * int(np.prod(x.shape[axis + 1 :])) for axis in range(x.ndim)]
        return super().tokens(np.lib.stride_tricks.as_strided(x, strides=packed), dtype)


name, profiles, forward, select, gradients = Mutant.as_backend()
