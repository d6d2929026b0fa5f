"""Among equal sums the larger second half score wins."""

from _layer import Net

CLAUSE, STAGE = "SEL-2", "tie"


class Mutant(Net):
    def choose(self, s1, s2, k):
        n = s1.shape[-1]
        scores, ids = super().choose(s2, s1, k)
        return scores, ids % n * n + ids // n


name, profiles, forward, select, gradients = Mutant.parts()
