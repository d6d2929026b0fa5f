"""The softmax uses powers of 2 instead of powers of e."""

import numpy as np
from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "GAT-1", "gate"


class Mutant(NumpyBackend):
    def softmax(self, scores):
        return super().softmax(scores * scores.dtype.type(np.log(2)))


name, profiles, forward, select, gradients = Mutant.as_backend()
