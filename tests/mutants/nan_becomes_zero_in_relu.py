"""relu returns 0 for NaN, and with k = 1 the gate is the constant 1."""

import numpy as np
from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "NFT-1", "non-finite"


class Mutant(NumpyBackend):
    def activate(self, kind, a):
        return np.fmax(a, 0) if kind == "relu" else super().activate(kind, a)

    def softmax(self, scores):
        return np.ones_like(scores) if scores.shape[-1] == 1 else super().softmax(scores)


name, profiles, forward, select, gradients = Mutant.as_backend()
