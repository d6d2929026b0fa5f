"""Tokens go to slots of experts and back by products with one-hot tensors, as in GShard; places are running sums."""

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "mutants"))

from _comparing import ComparingBackend


class Variant(ComparingBackend):
    def kept(self, r):
        kept = np.zeros(r.ids.shape, bool)
        used = np.zeros(r.config.num_experts)
        for position in range(r.config.top_k):
            hot = np.eye(r.config.num_experts)[r.ids[:, position]] * r.computed[:, None]
            place = np.cumsum(hot, 0) - hot + used
            kept[:, position] = (hot * (place < self.places(r))).sum(-1) > 0
            used = used + (hot * (place < self.places(r))).sum(0)
        return kept

    def combined(self, r):
        if r.config.kind == "dense":
            return super().combined(r)
        slots = max(1, int(r.chosen.sum(0).max(initial=0)))
        place = np.cumsum(r.chosen, 0) - 1
        dispatch = (r.chosen[..., None] & (place[..., None] == np.arange(slots))).astype(r.compute_dtype)
        x = np.where(r.chosen.any(-1, keepdims=True), r.x, 0)
        rows = np.einsum("tec,td->ecd", dispatch, x)
        out = np.stack([self.block(r, e, rows[e]) for e in range(r.chosen.shape[1])])
        gate = np.where(r.chosen, r.gate, 0)
        return np.einsum("tec,ecm->tm", dispatch * gate[..., None], out)


name, profiles, forward, comparison, comparison_gradients = Variant.as_backend()
