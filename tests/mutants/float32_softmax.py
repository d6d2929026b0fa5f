"""In a float64 layer, the softmax is computed in float32."""

import numpy as np
from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "PRC-2", "gate"


class Mutant(NumpyBackend):
    def softmax(self, scores):
        return super().softmax(scores.astype(np.float32)).astype(scores.dtype)


name, profiles, forward, select, gradients = Mutant.as_backend()
