"""Sub-keys are read as [h, n, 2, d/2]."""

import numpy as np
from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "SCO-1", "score"


class Mutant(NumpyBackend):
    def keys(self, r):
        keys = super().keys(r)
        heads, two, n, half = keys.shape
        return np.swapaxes(keys.reshape(heads, n, two, half), 1, 2)


name, profiles, forward, select, gradients = Mutant.as_backend()
