"""The softmax is over the tokens."""

import numpy as np
from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "GAT-1", "independence"


class Mutant(NumpyBackend):
    def softmax(self, scores):
        powers = np.exp(scores - scores.max(0, keepdims=True, initial=0))
        return powers / powers.sum(0, keepdims=True)


name, profiles, forward, select, gradients = Mutant.as_backend()
