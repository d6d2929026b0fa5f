"""In a float64 layer the softmax are in float32."""

import numpy as np
from _layer import Net

CLAUSE, STAGE = "PRC-2", "gate"


class Mutant(Net):
    def softmax(self, scores):
        return super().softmax(scores.astype(np.float32)).astype(scores.dtype)


name, profiles, forward, select, gradients = Mutant.parts()
