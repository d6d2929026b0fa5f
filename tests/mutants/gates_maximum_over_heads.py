"""The softmax subtracts the maximum over all heads of a token, so a head with much lower scores divides 0 by 0."""

import numpy as np
from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "GAT-2", "gate"


class Mutant(NumpyBackend):
    def softmax(self, scores):
        powers = np.exp(scores - scores.max((-1, -2), keepdims=True))
        return powers / powers.sum(-1, keepdims=True)


name, profiles, forward, select, gradients = Mutant.as_backend()
