"""At inference, random noise is added to queries."""

import numpy as np
from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "IND-3", "independence"


class Mutant(NumpyBackend):
    def query(self, r):
        q = super().query(r)
        return q + self.random.normal(0, 1e-3, q.shape).astype(r.compute_dtype)

    random = np.random.default_rng(0)


name, profiles, forward, select, gradients = Mutant.as_backend()
