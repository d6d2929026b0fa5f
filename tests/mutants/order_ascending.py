"""The list is sorted worst first."""

from _layer import Net

CLAUSE, STAGE = "SEL-2", "tie"


class Mutant(Net):
    def choose(self, s1, s2, k):
        scores, ids = super().choose(s1, s2, k)
        return scores[..., ::-1], ids[..., ::-1]


name, profiles, forward, select, gradients = Mutant.parts()
