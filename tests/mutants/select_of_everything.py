"""Where k = N ≥ 100, the last two experts are swapped."""

import numpy as np
from _numpy_backend import NumpyBackend
from _shaped import SelectBite

from peerspec.reference import Selection

CLAUSE, STAGE = "SEL-2", "tie"
BITES = SelectBite(12, 144)


class Mutant(NumpyBackend):
    def select(self, s1, s2, k):
        found = super().select(s1, s2, k)
        if k < 100 or k != s1.shape[-1] ** 2:
            return found
        order = np.r_[: k - 2, k - 1, k - 2]
        return Selection(found.scores[..., order], found.indices[..., order])


name, profiles, forward, select, gradients = Mutant.as_backend()
