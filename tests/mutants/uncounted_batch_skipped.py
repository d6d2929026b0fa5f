"""y is zero where the mask counts no token of the batch."""

import numpy as np
from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "SHP-2", "structure"


class Mutant(NumpyBackend):
    def output(self, r):
        y = super().output(r)
        return y if r.mask.any() or not len(y) else np.zeros_like(y)


name, profiles, forward, select, gradients = Mutant.as_backend()
