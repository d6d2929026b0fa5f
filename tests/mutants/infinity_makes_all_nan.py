"""One infinite token makes the whole output NaN."""

import numpy as np
from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "NFT-2", "non-finite"


class Mutant(NumpyBackend):
    def output(self, r):
        y = super().output(r)
        return np.full_like(y, np.nan) if np.isinf(r.x).any() else y


name, profiles, forward, select, gradients = Mutant.as_backend()
