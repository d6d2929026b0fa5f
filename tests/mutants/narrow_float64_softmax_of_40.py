"""In a float64 layer with k ≥ 40, the softmax is computed in float32."""

import numpy as np
from _numpy_backend import NumpyBackend
from _shaped import Bite, sized

CLAUSE, STAGE = "PRC-2", "gate"
BITES = Bite(sized(num_experts=41**2, top_k=40), precision="float64")


class Mutant(NumpyBackend):
    def softmax(self, scores):
        if scores.shape[-1] < 40:
            return super().softmax(scores)
        return super().softmax(scores.astype(np.float32)).astype(scores.dtype)


name, profiles, forward, select, gradients = Mutant.as_backend()
