"""With d = 2, a removed axis swaps the two half scores."""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "IDX-1", "score"


class Mutant(NumpyBackend):
    def half_scores(self, r):
        s1, s2 = super().half_scores(r)
        return (s2, s1) if r.config.d_key == 2 else (s1, s2)


name, profiles, forward, select, gradients = Mutant.as_backend()
