"""Each half keeps min(k, n) − 1 sub-keys, one too few."""

import numpy as np
from _numpy_backend import NumpyBackend
from _numpy_functions import selection_among, stable_topk

CLAUSE, STAGE = "SEL-3", "selection"


class Mutant(NumpyBackend):
    def selection(self, s1, s2, k):
        side = max(min(k, s1.shape[-1]) - 1, int(np.ceil(np.sqrt(k))))
        return selection_among(s1, s2, k, stable_topk(s1, side), stable_topk(s2, side))


name, profiles, forward, select, gradients = Mutant.as_backend()
