"""The denominator of the softmax is too large by 10⁻⁵."""

import numpy as np
from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "GAT-1", "gate"


class Mutant(NumpyBackend):
    def softmax(self, scores):
        powers = np.exp(scores - scores.max(-1, keepdims=True))
        return powers / (powers.sum(-1, keepdims=True) + scores.dtype.type(1e-5))


name, profiles, forward, select, gradients = Mutant.as_backend()
