"""For 24 < k ≤ 64, each half keeps 24 sub-keys."""

from _numpy_backend import NumpyBackend
from _numpy_functions import selection_among
from _shaped import SelectBite, ranked

from peerspec.reference import Selection

CLAUSE, STAGE = "SEL-2", "tie"
BITES = SelectBite(50, 36, change=lambda s1, s2: (s1, s2 * s2.dtype.type(64)))


class Mutant(NumpyBackend):
    def select(self, s1, s2, k):
        if not 24 < k <= 64 or s1.shape[-1] < 24:
            return super().select(s1, s2, k)
        return Selection(*selection_among(s1, s2, k, *ranked(s1, s2, 24)))


name, profiles, forward, select, gradients = Mutant.as_backend()
