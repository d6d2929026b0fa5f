"""All softmax gates are 1/k."""

import numpy as np
from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "GAT-1", "gate"


class Mutant(NumpyBackend):
    def softmax(self, scores):
        return np.full_like(scores, 1 / scores.shape[-1])


name, profiles, forward, select, gradients = Mutant.as_backend()
