"""The second half score is always zero."""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "QRY-1", "query"


class Mutant(NumpyBackend):
    def half_scores(self, r):
        s1, s2 = super().half_scores(r)
        return s1, 0 * s2


name, profiles, forward, select, gradients = Mutant.as_backend()
