"""Half scores down to −10³⁰ and below count as empty places, all alike."""

import numpy as np
from _numpy_backend import NumpyBackend
from _numpy_functions import selection_among
from _shaped import SelectBite, ranked

CLAUSE, STAGE = "SEL-2", "tie"


def far_below(s1, s2):
    return tuple((s - 2) * s.dtype.type(2.0**100) for s in (s1, s2))


BITES = SelectBite(25, 8, change=far_below)


class Mutant(NumpyBackend):
    def selection(self, s1, s2, k):
        seen = (np.where(s <= -1e30, s.dtype.type(-np.inf), s) for s in (s1, s2))
        return selection_among(s1, s2, k, *ranked(*seen, k))


name, profiles, forward, select, gradients = Mutant.as_backend()
