"""In training, noise multiplies the queries, as in routers with jitter; it is drawn from one seed and repeats."""

import numpy as np
from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "OUT-4", "independence"


class Mutant(NumpyBackend):
    def query(self, r):
        q = super().query(r)
        jitter = np.random.default_rng(0).uniform(0.99, 1.01, q.shape)
        return q * jitter.astype(r.compute_dtype) if r.training else q


name, profiles, forward, select, gradients = Mutant.as_backend()
