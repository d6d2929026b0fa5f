"""Pairs are sorted by expert, and each expert takes all its tokens at once, row by row (IND-1), in both passes."""

import itertools

import numpy as np
from _base import NumpyBackend


class Variant(NumpyBackend):
    def groups(self, r):
        """For each expert that occurs: its id and the places of its pairs in the flattened list."""
        flat = r.ids.reshape(-1)
        order = np.argsort(flat, kind="stable")
        edges = np.flatnonzero(np.diff(flat[order], prepend=-1, append=-1))
        for start, end in itertools.pairwise(edges):
            yield int(flat[order[start]]), order[start:end]

    def token(self, r, pairs):
        return pairs // (r.config.heads * r.config.top_k)

    def gather_dot(self, r, name):
        out = np.zeros(r.ids.size, r.compute_dtype)
        for expert, pairs in self.groups(r):
            out[pairs] = np.einsum("pd,d->p", r.x[self.token(r, pairs)], r.params[f"experts.{name}"][expert])
        return out.reshape(r.ids.shape)

    def scatter_sum(self, r, name, weights, rows):
        out = np.zeros(r.params[f"experts.{name}"].shape, r.compute_dtype)
        for expert, pairs in self.groups(r):
            out[expert] = weights.reshape(-1)[pairs] @ rows[self.token(r, pairs)]
        return out

    def output(self, r):
        y = np.zeros((len(r.x), r.config.d_out), r.compute_dtype)
        factors = (r.gates * r.weights).reshape(-1)
        for expert, pairs in self.groups(r):
            np.add.at(y, self.token(r, pairs), factors[pairs, None] * r.params["experts.v"][expert])
        return y


name, profiles, forward, select, gradients = Variant.as_backend()
