"""Queries get exploration noise at inference."""

import numpy as np
from _layer import Net

CLAUSE, STAGE = "IND-3", "independence"


class Mutant(Net):
    def query(self, r):
        q = super().query(r)
        return q + self.random.normal(0, 1e-3, q.shape).astype(r.compute_dtype)

    random = np.random.default_rng(0)


name, profiles, forward, select, gradients = Mutant.parts()
