"""Gates are the exponential of log-softmax."""

import numpy as np
from _base import NumpyBackend


class Variant(NumpyBackend):
    def softmax(self, scores):
        shifted = scores - scores.max(-1, keepdims=True)
        return np.exp(shifted - np.log(np.exp(shifted).sum(-1, keepdims=True)))


name, profiles, forward, select, gradients = Variant.as_backend()
