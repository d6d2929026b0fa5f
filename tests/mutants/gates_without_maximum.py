"""The softmax does not subtract the maximum, so exp overflows."""

import numpy as np
from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "GAT-2", "gate"


class Mutant(NumpyBackend):
    def softmax(self, scores):
        powers = np.exp(scores)
        return powers / powers.sum(-1, keepdims=True)


name, profiles, forward, select, gradients = Mutant.as_backend()
