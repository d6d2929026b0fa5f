"""gelu returns 0 for NaN, as a lookup table may do, and with k = 1 the gate is the constant 1."""

import numpy as np
from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "NFT-1", "non-finite"


class Mutant(NumpyBackend):
    def activate(self, kind, a):
        y = super().activate(kind, a)
        return np.where(np.isnan(a), 0, y).astype(a.dtype) if kind == "gelu" else y

    def softmax(self, scores):
        return super().softmax(scores) if scores.shape[-1] > 1 else np.ones_like(scores)


name, profiles, forward, select, gradients = Mutant.as_backend()
