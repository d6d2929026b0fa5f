"""The softmax has a temperature of √k."""

import numpy as np
from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "GAT-1", "gate"


class Mutant(NumpyBackend):
    def softmax(self, scores):
        return super().softmax(scores / scores.dtype.type(np.sqrt(scores.shape[-1])))


name, profiles, forward, select, gradients = Mutant.as_backend()
