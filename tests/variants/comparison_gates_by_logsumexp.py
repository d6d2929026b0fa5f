"""A gate is the exponential of its logit minus the logarithm of the sum of all, also in a product-key memory."""

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "mutants"))

from _comparing import ComparingBackend


class Variant(ComparingBackend):
    def softmax(self, scores):
        if scores.shape[-1] == 1:
            return np.ones_like(scores)
        largest = scores.max(-1, keepdims=True)
        return np.exp(scores - (largest + np.log(np.exp(scores - largest).sum(-1, keepdims=True))))


name, profiles, forward, comparison, comparison_gradients = Variant.as_backend()
