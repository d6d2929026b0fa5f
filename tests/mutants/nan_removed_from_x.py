"""NaN in x is replaced by zero."""

import numpy as np
from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "NFT-1", "non-finite"


class Mutant(NumpyBackend):
    def tokens(self, x, dtype):
        return np.nan_to_num(super().tokens(x, dtype), posinf=np.inf, neginf=-np.inf)


name, profiles, forward, select, gradients = Mutant.as_backend()
