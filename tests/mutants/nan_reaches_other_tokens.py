"""Tokens are reordered by a product with a one-hot matrix, so NaN·0 reaches other tokens."""

import numpy as np
from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "NFT-2", "non-finite"


class Mutant(NumpyBackend):
    def output(self, r):
        y = super().output(r)
        return np.eye(len(y), dtype=r.compute_dtype) @ y


name, profiles, forward, select, gradients = Mutant.as_backend()
