"""The softmax multiplies by the reciprocal of its sum, taken in base two."""

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "mutants"))

from _comparing import ComparingBackend


class Variant(ComparingBackend):
    def softmax(self, scores):
        exponent = scores * scores.dtype.type(np.log2(np.e))
        powers = np.exp2(exponent - exponent.max(-1, keepdims=True))
        return powers if scores.shape[-1] == 1 else powers * (scores.dtype.type(1) / powers.sum(-1, keepdims=True))


name, profiles, forward, comparison, comparison_gradients = Variant.as_backend()
