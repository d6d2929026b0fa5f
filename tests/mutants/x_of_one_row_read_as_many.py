"""An x that is one row of memory for all tokens is read as if its rows lay one behind the other."""

import numpy as np
from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "SHP-1", "structure"


class Mutant(NumpyBackend):
    def tokens(self, x, dtype):
        if x.size and any(stride == 0 and size > 1 for stride, size in zip(x.strides, x.shape, strict=True)):
            first = np.zeros(x.shape, x.dtype)
            first.reshape(-1, x.shape[-1])[0] = x.reshape(-1, x.shape[-1])[0]
            x = first
        return super().tokens(x, dtype)


name, profiles, forward, select, gradients = Mutant.as_backend()
