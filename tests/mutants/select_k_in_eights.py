"""For k = 24, 32, 40, …, the last eight experts are listed in reverse order."""

import numpy as np
from _numpy_backend import NumpyBackend
from _shaped import SelectBite

from peerspec.reference import Selection

CLAUSE, STAGE = "SEL-2", "tie"
BITES = SelectBite(30, 24)


class Mutant(NumpyBackend):
    def select(self, s1, s2, k):
        found = super().select(s1, s2, k)
        if k < 24 or k % 8:
            return found
        order = np.r_[: k - 8, k - 1 : k - 9 : -1]
        return Selection(found.scores[..., order], found.indices[..., order])


name, profiles, forward, select, gradients = Mutant.as_backend()
