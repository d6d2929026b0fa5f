"""10⁻⁹ is added to the denominator."""

import numpy as np
from _layer import Net

CLAUSE, STAGE = "PRC-2", "gate"


class Mutant(Net):
    def softmax(self, scores):
        powers = np.exp(scores - scores.max(-1, keepdims=True))
        return powers / (powers.sum(-1, keepdims=True) + scores.dtype.type(1e-9))


name, profiles, forward, select, gradients = Mutant.parts()
