"""Gates are exp(s − ln Σ e^s), with the logarithm of the sum rounded once, as kernels keep it for their gradients."""

import numpy as np
from _base import NumpyBackend


class Variant(NumpyBackend):
    def softmax(self, scores):
        most = scores.max(-1, keepdims=True)
        log_sum = most + np.log(np.exp(scores - most).sum(-1, keepdims=True))
        return np.exp(scores - log_sum)


name, profiles, forward, select, gradients = Variant.as_backend()
