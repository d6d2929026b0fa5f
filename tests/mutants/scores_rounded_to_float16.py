"""In the layer, scores are rounded to float16."""

import numpy as np
from _numpy_backend import NumpyBackend

from peerspec.reference import Selection

CLAUSE, STAGE = "PRC-2", "score"


class Mutant(NumpyBackend):
    def selection(self, s1, s2, k):
        scores, ids = super().selection(s1, s2, k)
        return scores.astype(np.float16).astype(s1.dtype), ids

    def select(self, s1, s2, k):
        return Selection(*super().selection(s1, s2, k))


name, profiles, forward, select, gradients = Mutant.as_backend()
