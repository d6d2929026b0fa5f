"""Softmax gates below 10⁻³ are set to zero."""

import numpy as np
from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "GAT-1", "gate"


class Mutant(NumpyBackend):
    def softmax(self, scores):
        gates = super().softmax(scores)
        return np.where(gates < 1e-3, 0, gates).astype(gates.dtype)


name, profiles, forward, select, gradients = Mutant.as_backend()
