"""The softmax has a temperature of √k."""

import numpy as np
from _layer import Net

CLAUSE, STAGE = "GAT-1", "gate"


class Mutant(Net):
    def softmax(self, scores):
        return super().softmax(scores / scores.dtype.type(np.sqrt(scores.shape[-1])))


name, profiles, forward, select, gradients = Mutant.parts()
