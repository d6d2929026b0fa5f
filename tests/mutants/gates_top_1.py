"""Each head uses its best expert only."""

import numpy as np
from _layer import Net

CLAUSE, STAGE = "GAT-1", "gate"


class Mutant(Net):
    def softmax(self, scores):
        return np.broadcast_to(np.arange(scores.shape[-1]) == 0, scores.shape).astype(scores.dtype)


name, profiles, forward, select, gradients = Mutant.parts()
