"""Rows of experts are gathered in chunks of pairs that fit a budget of 4 kB; a chunk may end within a token."""

import numpy as np
from _base import NumpyBackend

BUDGET = 4096


class Variant(NumpyBackend):
    def chunks(self, r, width):
        pairs = max(1, BUDGET // (width * r.compute_dtype.itemsize))
        each = r.config.heads * r.config.top_k
        for start in range(0, r.ids.size, pairs):
            at = np.arange(start, min(start + pairs, r.ids.size))
            yield at, at // each, r.ids.reshape(-1)[at]

    def gather_dot(self, r, name):
        out = np.empty(r.ids.size, r.compute_dtype)
        for at, token, ids in self.chunks(r, r.config.d_model):
            out[at] = np.einsum("pd,pd->p", r.params[f"experts.{name}"][ids], r.x[token])
        return out.reshape(r.ids.shape)

    def output(self, r):
        y = np.zeros((len(r.x), r.config.d_out), r.compute_dtype)
        factors = (r.gates * r.weights).reshape(-1)
        for at, token, ids in self.chunks(r, r.config.d_out):
            np.add.at(y, token, factors[at, None] * r.params["experts.v"][ids])
        return y

    def scatter_sum(self, r, name, weights, rows):
        out = np.zeros(r.params[f"experts.{name}"].shape, r.compute_dtype)
        for at, token, ids in self.chunks(r, rows.shape[-1]):
            np.add.at(out, ids, weights.reshape(-1)[at, None] * rows[token])
        return out


name, profiles, forward, select, gradients = Variant.as_backend()
