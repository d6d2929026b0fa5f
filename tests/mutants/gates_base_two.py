"""The softmax uses 2 as its base."""

import numpy as np
from _layer import Net

CLAUSE, STAGE = "GAT-1", "gate"


class Mutant(Net):
    def softmax(self, scores):
        return super().softmax(scores * scores.dtype.type(np.log(2)))


name, profiles, forward, select, gradients = Mutant.parts()
