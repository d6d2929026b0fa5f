"""With k > 64, experts with equal scores are in reverse order."""

import numpy as np
from _numpy_backend import NumpyBackend
from _numpy_functions import take

CLAUSE, STAGE = "SEL-2", "tie"


class Mutant(NumpyBackend):
    def selection(self, s1, s2, k):
        scores, ids = super().selection(s1, s2, k)
        if k <= 64:
            return scores, ids
        last = np.argsort(-scores[..., ::-1], -1, kind="stable")
        return take(scores[..., ::-1], last), take(ids[..., ::-1], last)


name, profiles, forward, select, gradients = Mutant.as_backend()
