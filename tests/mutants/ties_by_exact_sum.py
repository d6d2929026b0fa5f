"""Scores are ranked before they are rounded."""

import numpy as np
from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "SEL-2", "tie"


class Mutant(NumpyBackend):
    def selection(self, s1, s2, k):
        wide = np.longdouble if s1.dtype == np.float64 else np.float64
        scores, ids = super().selection(s1.astype(wide), s2.astype(wide), k)
        return scores.astype(s1.dtype), ids


name, profiles, forward, select, gradients = Mutant.as_backend()
