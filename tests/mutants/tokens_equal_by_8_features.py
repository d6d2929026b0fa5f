"""Tokens whose first 8 features are equal get one query."""

import numpy as np
from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "SCO-1", "score"


class Mutant(NumpyBackend):
    def half_scores(self, r):
        if len(r.x) > 4 and r.config.query_norm == "none":
            _, first, back = np.unique(r.x[:, :8], axis=0, return_index=True, return_inverse=True)
            r.q = r.q[first][back.ravel()]
        return super().half_scores(r)


name, profiles, forward, select, gradients = Mutant.as_backend()
