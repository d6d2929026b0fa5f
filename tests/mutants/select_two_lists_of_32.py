"""For 32 < k ≤ 64 two lists of 32 are merged, and equal scores beyond position 32 come in reverse order."""

import numpy as np
from _numpy_backend import NumpyBackend
from _numpy_functions import take
from _shaped import SelectBite

from peerspec.reference import Selection

CLAUSE, STAGE = "SEL-2", "tie"
BITES = SelectBite(25, 40, bits=3)


class Mutant(NumpyBackend):
    def select(self, s1, s2, k):
        found = super().select(s1, s2, k)
        if not 32 < k <= 64:
            return found
        scores, ids = found.scores[..., 32:], found.indices[..., 32:]
        last = np.argsort(-scores[..., ::-1], -1, kind="stable")
        ids = np.concatenate([found.indices[..., :32], take(ids[..., ::-1], last)], -1)
        return Selection(found.scores, ids)


name, profiles, forward, select, gradients = Mutant.as_backend()
