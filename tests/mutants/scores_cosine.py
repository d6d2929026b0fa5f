"""Queries and sub-keys are normalised before their product."""

import numpy as np
from _layer import Net

CLAUSE, STAGE = "SCO-1", "score"


class Mutant(Net):
    def half_scores(self, r):
        q, keys = r.q.reshape(*r.q.shape[:-1], 2, r.config.d_key // 2), self.keys(r)
        q, keys = (part / np.maximum(np.linalg.norm(part, axis=-1, keepdims=True), 1e-12) for part in (q, keys))
        s = np.einsum("thsc,hsnc->sthn", q, keys).astype(r.compute_dtype)
        return s[0], s[1]


name, profiles, forward, select, gradients = Mutant.parts()
