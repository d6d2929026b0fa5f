"""Halves of a single feature lose their axis, and the two half scores change places."""

from _layer import Net

CLAUSE, STAGE = "IDX-1", "score"


class Mutant(Net):
    def half_scores(self, r):
        s1, s2 = super().half_scores(r)
        return (s2, s1) if r.config.d_key == 2 else (s1, s2)


name, profiles, forward, select, gradients = Mutant.parts()
