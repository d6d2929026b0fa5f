"""The maximum in the softmax starts at −10⁴, so that a head with lower scores divides 0 by 0."""

import numpy as np
from _numpy_backend import NumpyBackend
from _shaped import Bite, all_negative

CLAUSE, STAGE = "GAT-1", "gate"


def far_below(case):
    all_negative(case)
    case["keys"] *= 2.0**16


BITES = Bite(change=far_below)


class Mutant(NumpyBackend):
    def softmax(self, scores):
        powers = np.exp(scores - np.maximum(scores.max(-1, keepdims=True), -1e4).astype(scores.dtype))
        return powers / powers.sum(-1, keepdims=True)


name, profiles, forward, select, gradients = Mutant.as_backend()
