"""Half scores are squared before they are added."""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "SCO-4", "score"


class Mutant(NumpyBackend):
    def half_scores(self, r):
        s1, s2 = super().half_scores(r)
        return s1 * s1, s2 * s2


name, profiles, forward, select, gradients = Mutant.as_backend()
