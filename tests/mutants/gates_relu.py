"""A gate is max(s, 0)."""

import numpy as np
from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "GAT-1", "gate"


class Mutant(NumpyBackend):
    def softmax(self, scores):
        return np.maximum(scores, 0)


name, profiles, forward, select, gradients = Mutant.as_backend()
