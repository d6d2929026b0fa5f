"""Where both halves fall strictly and n > 16, the sorted list is taken to be the diagonal of the grid."""

import numpy as np
from _numpy_backend import NumpyBackend
from _numpy_functions import take
from _shaped import SelectBite

from peerspec.reference import Selection

CLAUSE, STAGE = "SEL-2", "tie"


def falling(s1, s2):
    return -np.sort(-s1), -np.sort(-s2)


BITES = SelectBite(20, 5, change=falling)


class Mutant(NumpyBackend):
    def select(self, s1, s2, k):
        n = s1.shape[-1]
        sorted_all = all((np.diff(s) < 0).all() for s in (s1, s2))
        if n <= 16 or k > n or not s1.size or not sorted_all:
            return super().select(s1, s2, k)
        at = np.broadcast_to(np.arange(k), (*s1.shape[:-1], k))
        return Selection(take(s1, at) + take(s2, at), at * (n + 1))


name, profiles, forward, select, gradients = Mutant.as_backend()
