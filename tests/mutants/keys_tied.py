"""Both halves use the sub-keys of the first half."""

import numpy as np
from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "QRY-2", "query"


class Mutant(NumpyBackend):
    def keys(self, r):
        return np.repeat(super().keys(r)[:, :1], 2, 1)


name, profiles, forward, select, gradients = Mutant.as_backend()
