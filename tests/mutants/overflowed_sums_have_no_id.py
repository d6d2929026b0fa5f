"""A heap starts at minus infinity with id 0, so sums that overflow to it never enter."""

import numpy as np
from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "SEL-2", "tie"


class Mutant(NumpyBackend):
    def selection(self, s1, s2, k):
        scores, ids = super().selection(s1, s2, k)
        return scores, np.where(scores == -np.inf, 0, ids)


name, profiles, forward, select, gradients = Mutant.as_backend()
