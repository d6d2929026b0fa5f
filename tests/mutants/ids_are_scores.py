"""Scores and ids are swapped, so rounded scores are used as ids."""

import numpy as np
from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "SEL-7", "structure"


class Mutant(NumpyBackend):
    def selection(self, s1, s2, k):
        scores, ids = super().selection(s1, s2, k)
        clipped = np.clip(np.nan_to_num(scores), 0, s1.shape[-1] ** 2 - 1)
        return ids.astype(scores.dtype), clipped.astype(np.int64)


name, profiles, forward, select, gradients = Mutant.as_backend()
