"""In the layer, ids are rounded to float16, which holds all integers only up to 2048."""

import numpy as np
from _numpy_backend import NumpyBackend

from peerspec.reference import Selection

CLAUSE, STAGE = "SEL-7", "structure"


class Mutant(NumpyBackend):
    def selection(self, s1, s2, k):
        scores, ids = super().selection(s1, s2, k)
        return scores, np.minimum(np.minimum(ids, 65504).astype(np.float16).astype(np.int64), s1.shape[-1] ** 2 - 1)

    def select(self, s1, s2, k):
        return Selection(*super().selection(s1, s2, k))


name, profiles, forward, select, gradients = Mutant.as_backend()
