"""Scores are clipped to ±50 before the softmax."""

import numpy as np
from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "GAT-1", "gate"


class Mutant(NumpyBackend):
    def softmax(self, scores):
        return super().softmax(np.clip(scores, -50, 50))


name, profiles, forward, select, gradients = Mutant.as_backend()
