"""Only the first 2048 sub-keys of each half are candidates."""

from _numpy_backend import NumpyBackend
from _numpy_functions import selection_among
from _shaped import SelectBite, ranked

from peerspec.reference import Selection

CLAUSE, STAGE = "SEL-2", "tie"
BITES = SelectBite(3000, 8)


class Mutant(NumpyBackend):
    def select(self, s1, s2, k):
        if s1.shape[-1] <= 2048:
            return super().select(s1, s2, k)
        return Selection(*selection_among(s1, s2, k, *ranked(s1[..., :2048], s2[..., :2048], k)))


name, profiles, forward, select, gradients = Mutant.as_backend()
