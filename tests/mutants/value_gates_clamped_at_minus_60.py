"""With k ≥ 12, differences of scores are clamped to −60, so that no gate is below 10⁻²⁶."""

import numpy as np
from _numpy_backend import NumpyBackend
from _shaped import Bite, sized

CLAUSE, STAGE = "GAT-1", "gate"


def far_scores(case):
    case["keys"] *= 64


BITES = Bite(sized(num_experts=20**2, top_k=20), precision="float64", change=far_scores)


class Mutant(NumpyBackend):
    def softmax(self, scores):
        if scores.shape[-1] < 12:
            return super().softmax(scores)
        powers = np.exp(np.maximum(scores - scores.max(-1, keepdims=True), -60)).astype(scores.dtype)
        return powers / powers.sum(-1, keepdims=True)


name, profiles, forward, select, gradients = Mutant.as_backend()
