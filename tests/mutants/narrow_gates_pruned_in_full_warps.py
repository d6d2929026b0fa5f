"""Where 32 divides k, gates below 10⁻³ are set to zero, so that a warp may leave early."""

import numpy as np
from _numpy_backend import NumpyBackend
from _shaped import Bite, sized

CLAUSE, STAGE = "GAT-1", "gate"


def far_scores(case):
    case["keys"] *= 16


BITES = Bite(sized(num_experts=33**2, top_k=32), change=far_scores)


class Mutant(NumpyBackend):
    def softmax(self, scores):
        gates = super().softmax(scores)
        return np.where((gates < 1e-3) & (scores.shape[-1] % 32 == 0), 0, gates).astype(gates.dtype)


name, profiles, forward, select, gradients = Mutant.as_backend()
