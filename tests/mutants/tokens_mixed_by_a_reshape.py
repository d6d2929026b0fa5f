"""Queries [T, h, d] are split by a reshape to [2, T, h, d/2], which mixes tokens."""

import numpy as np
from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "SEL-6", "independence"


class Mutant(NumpyBackend):
    def half_scores(self, r):
        half = r.config.d_key // 2
        q, keys = r.q.reshape(2, *r.q.shape[:-1], half), self.keys(r)
        s1, s2 = (np.einsum("thc,hnc->thn", q[side], keys[:, side]) for side in (0, 1))
        return s1, s2


name, profiles, forward, select, gradients = Mutant.as_backend()
