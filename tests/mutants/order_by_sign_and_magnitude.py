"""Negative half scores are ranked by magnitude, which reverses their order."""

import numpy as np
from _numpy_backend import NumpyBackend
from _numpy_functions import selection_among, stable_topk

CLAUSE, STAGE = "SEL-3", "selection"


class Mutant(NumpyBackend):
    def selection(self, s1, s2, k):
        n = s1.shape[-1]
        keys = [np.where(s < 0, -1e6 - s, s) for s in (s1, s2)]
        first, second = (stable_topk(s, min(k, n)) for s in keys)
        return selection_among(s1, s2, k, first, second)


name, profiles, forward, select, gradients = Mutant.as_backend()
