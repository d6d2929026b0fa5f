"""With one head, the softmax is over the tokens."""

import numpy as np
from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "GAT-1", "gate"


class Mutant(NumpyBackend):
    def softmax(self, scores):
        if scores.shape[1] > 1 or scores.shape[2] == 1:
            return super().softmax(scores)
        powers = np.exp(scores - scores.max(0))
        return powers / powers.sum(0)


name, profiles, forward, select, gradients = Mutant.as_backend()
