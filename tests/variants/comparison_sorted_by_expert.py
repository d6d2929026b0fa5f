"""Choices are sorted by expert, in whose range of them each choice has its place; each expert computes its range."""

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "mutants"))

from _comparing import ComparingBackend


class Variant(ComparingBackend):
    def kept(self, r):
        queue = np.where(r.computed[:, None], r.ids, r.config.num_experts).T.ravel()
        order = np.argsort(queue, kind="stable")
        starts = np.searchsorted(queue[order], np.arange(r.config.num_experts + 1))
        place = np.empty(len(queue), int)
        place[order] = np.arange(len(queue)) - starts[queue[order]]
        kept = (place < self.places(r)) & (queue < r.config.num_experts)
        return kept.reshape(r.ids.T.shape).T

    def combined(self, r):
        tokens, experts = np.nonzero(r.chosen)
        order = np.argsort(experts, kind="stable")
        tokens, experts = tokens[order], experts[order]
        rows = np.zeros((len(tokens), r.config.d_out), r.compute_dtype)
        for e in range(r.chosen.shape[1]):
            here = slice(*np.searchsorted(experts, [e, e + 1]))
            rows[here] = self.block(r, e, r.x[tokens[here]])
        y = np.zeros((len(r.x), r.config.d_out), r.compute_dtype)
        np.add.at(y, tokens, rows * r.gate[tokens, experts, None])
        return y


name, profiles, forward, comparison, comparison_gradients = Variant.as_backend()
