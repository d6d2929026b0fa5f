"""The leading axes of x are swapped, but those of y are not swapped back."""

import numpy as np
from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "SHP-1", "structure"


class Mutant(NumpyBackend):
    def tokens(self, x, dtype):
        swapped = np.swapaxes(x, 0, 1) if x.ndim > 2 else x
        return super().tokens(np.ascontiguousarray(swapped), dtype)


name, profiles, forward, select, gradients = Mutant.as_backend()
