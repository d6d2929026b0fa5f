"""With k ≥ 12, powers of e below −20 are zero, so that gates below 2·10⁻⁹ vanish."""

import numpy as np
from _numpy_backend import NumpyBackend
from _shaped import Bite, sized

CLAUSE, STAGE = "PRC-2", "gate"


def far_scores(case):
    case["keys"] *= 16


BITES = Bite(sized(num_experts=20**2, top_k=16), change=far_scores)


class Mutant(NumpyBackend):
    def softmax(self, scores):
        gates = super().softmax(scores)
        far = scores - scores.max(-1, keepdims=True) < -20
        return np.where(far & (scores.shape[-1] >= 12), 0, gates).astype(gates.dtype)


name, profiles, forward, select, gradients = Mutant.as_backend()
