"""The k smallest scores are taken."""

from _layer import Net

CLAUSE, STAGE = "SEL-3", "selection"


class Mutant(Net):
    def choose(self, s1, s2, k):
        scores, ids = super().choose(-s1, -s2, k)
        return -scores, ids


name, profiles, forward, select, gradients = Mutant.parts()
