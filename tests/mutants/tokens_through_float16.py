"""Tokens in bfloat16 pass through float16, which has fewer exponents."""

import ml_dtypes
import numpy as np
from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "SCO-1", "score"


class Mutant(NumpyBackend):
    def tokens(self, x, dtype):
        with np.errstate(over="ignore"):
            return super().tokens(x.astype(np.float16) if x.dtype == ml_dtypes.bfloat16 else x, dtype)


name, profiles, forward, select, gradients = Mutant.as_backend()
