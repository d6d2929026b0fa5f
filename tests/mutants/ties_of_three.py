"""If the last three scores are equal, the last two experts are swapped."""

import numpy as np
from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "SEL-2", "tie"


class Mutant(NumpyBackend):
    def selection(self, s1, s2, k):
        scores, ids = super().selection(s1, s2, k)
        if k < 3:
            return scores, ids
        three = (scores[..., -3] == scores[..., -2]) & (scores[..., -2] == scores[..., -1])
        ids[..., -2:] = np.where(three[..., None], ids[..., :-3:-1], ids[..., -2:])
        return scores, ids


name, profiles, forward, select, gradients = Mutant.as_backend()
