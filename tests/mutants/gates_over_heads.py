"""The softmax is over the heads."""

import numpy as np
from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "GAT-1", "gate"


class Mutant(NumpyBackend):
    def softmax(self, scores):
        powers = np.exp(scores - scores.max(1, keepdims=True))
        return powers / powers.sum(1, keepdims=True)


name, profiles, forward, select, gradients = Mutant.as_backend()
