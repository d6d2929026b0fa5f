"""The maximum and the sum of softmax are computed in one pass that rescales the sum."""

import numpy as np
from _base import NumpyBackend


class Variant(NumpyBackend):
    def softmax(self, scores):
        most, total = scores[..., 0], np.ones(scores.shape[:-1], scores.dtype)
        for k in range(1, scores.shape[-1]):
            higher = np.maximum(most, scores[..., k])
            total = total * np.exp(most - higher) + np.exp(scores[..., k] - higher)
            most = higher
        return np.exp(scores - most[..., None]) / total[..., None]


name, profiles, forward, select, gradients = Variant.as_backend()
