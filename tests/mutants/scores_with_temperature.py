"""Scores are divided by a temperature of 0.7."""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "SCO-1", "score"


class Mutant(NumpyBackend):
    def half_scores(self, r):
        s1, s2 = super().half_scores(r)
        return s1 / r.compute_dtype.type(0.7), s2 / r.compute_dtype.type(0.7)


name, profiles, forward, select, gradients = Mutant.as_backend()
