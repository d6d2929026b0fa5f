"""Gates are 2^(s·log₂e − log₂ Σ 2^(s·log₂e)), and the gradients of scores are computed from them."""

import numpy as np
from _base import NumpyBackend


class Variant(NumpyBackend):
    def softmax(self, scores):
        scaled = scores * scores.dtype.type(np.log2(np.e))
        most = scaled.max(-1, keepdims=True)
        return np.exp2(scaled - (most + np.log2(np.exp2(scaled - most).sum(-1, keepdims=True))))

    def gate_backward(self, r, dgate):
        if r.config.gate == "sigmoid":
            return super().gate_backward(r, dgate)
        if r.config.top_k == 1:
            return np.zeros_like(dgate)
        weighted = self.softmax(r.scores) * dgate
        return weighted - r.gates * weighted.sum(-1, keepdims=True)


name, profiles, forward, select, gradients = Variant.as_backend()
