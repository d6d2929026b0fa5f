"""Softmax multiplies by the reciprocal of its sum."""

import numpy as np
from _base import NumpyBackend


class Variant(NumpyBackend):
    def softmax(self, scores):
        powers = np.exp(scores - scores.max(-1, keepdims=True))
        return powers * (1 / powers.sum(-1, keepdims=True))


name, profiles, forward, select, gradients = Variant.as_backend()
