"""The best expert of each head has gate 1, and the others have gate 0."""

import numpy as np
from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "GAT-1", "gate"


class Mutant(NumpyBackend):
    def softmax(self, scores):
        return np.broadcast_to(np.arange(scores.shape[-1]) == 0, scores.shape).astype(scores.dtype)


name, profiles, forward, select, gradients = Mutant.as_backend()
