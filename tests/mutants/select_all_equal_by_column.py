"""Where all half scores are equal and n ≥ 40, experts are listed column by column."""

import numpy as np
from _numpy_backend import NumpyBackend
from _shaped import SelectBite

from peerspec.reference import Selection

CLAUSE, STAGE = "SEL-2", "tie"
BITES = SelectBite(41, 6, change=lambda s1, s2: (np.ones_like(s1), np.ones_like(s2)))


class Mutant(NumpyBackend):
    def select(self, s1, s2, k):
        found, n = super().select(s1, s2, k), s1.shape[-1]
        equal = all((s == s[..., :1]).all() for s in (s1, s2))
        if n < 40 or not equal:
            return found
        return Selection(found.scores, found.indices % n * n + found.indices // n)


name, profiles, forward, select, gradients = Mutant.as_backend()
