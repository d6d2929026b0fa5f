"""Experts come in the order of ids in tiles of four; y and its divisor are rescaled for each tile, and the returned
gates and the gradients come from the logarithm of the sum, as in attention kernels."""

import numpy as np
from _base import NumpyBackend

LOG2E = np.log2(np.e)
TILE = 4


class Variant(NumpyBackend):
    def softmax(self, scores):
        scaled = scores * scores.dtype.type(LOG2E)
        most = scaled.max(-1, keepdims=True)
        return np.exp2(scaled - (most + np.log2(np.exp2(scaled - most).sum(-1, keepdims=True))))

    def output(self, r):
        return super().output(r) if r.config.gate == "sigmoid" else self.heads(r).sum(1)

    def heads(self, r):
        """The part of y of each head, [T, h, M]."""
        order = np.argsort(r.ids, -1)
        ids, scores, weights = (np.take_along_axis(part, order, -1) for part in (r.ids, r.scores, r.weights))
        scaled = scores * scores.dtype.type(LOG2E)
        most = np.full(scores.shape[:2], -np.inf, scores.dtype)
        total, y = np.zeros_like(most), np.zeros((*most.shape, r.config.d_out), most.dtype)
        for at in range(0, r.config.top_k, TILE):
            tile = slice(at, at + TILE)
            higher = np.maximum(most, scaled[..., tile].max(-1))
            old, powers = np.exp2(most - higher), np.exp2(scaled[..., tile] - higher[..., None])
            total = total * old + powers.sum(-1)
            rows = r.params["experts.v"][ids[..., tile]]
            y = y * old[..., None] + np.einsum("thk,thkm->thm", powers * weights[..., tile], rows)
            most = higher
        return y / total[..., None]

    def gate_backward(self, r, dgate):
        if r.config.gate == "sigmoid" or r.config.top_k == 1:
            return super().gate_backward(r, dgate)
        return r.gates * (dgate - np.einsum("thm,tm->th", self.heads(r), r.dy)[..., None])


name, profiles, forward, select, gradients = Variant.as_backend()
