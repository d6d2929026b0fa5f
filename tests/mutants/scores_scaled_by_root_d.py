"""Scores are divided by √d."""

import numpy as np
from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "SCO-1", "score"


class Mutant(NumpyBackend):
    def half_scores(self, r):
        s1, s2 = super().half_scores(r)
        root = r.compute_dtype.type(np.sqrt(r.config.d_key))
        return s1 / root, s2 / root


name, profiles, forward, select, gradients = Mutant.as_backend()
