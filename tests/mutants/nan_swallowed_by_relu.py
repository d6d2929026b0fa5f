"""relu turns NaN into 0, and with k = 1 the gate is the constant 1."""

import numpy as np
from _layer import Net

CLAUSE, STAGE = "NFT-1", "non-finite"


class Mutant(Net):
    def activate(self, kind, a):
        return np.fmax(a, 0) if kind == "relu" else super().activate(kind, a)

    def softmax(self, scores):
        return np.ones_like(scores) if scores.shape[-1] == 1 else super().softmax(scores)


name, profiles, forward, select, gradients = Mutant.parts()
