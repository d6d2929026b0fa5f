"""A block sorts the first 1024 candidates of the grid and no more."""

from _layer import Net, best, restricted

CLAUSE, STAGE = "SEL-3", "selection"


class Mutant(Net):
    def choose(self, s1, s2, k):
        n = s1.shape[-1]
        first, second = best(s1, min(k, n)), best(s2, min(k, n))
        if first.shape[-1] ** 2 <= 1024:
            return super().choose(s1, s2, k)
        return restricted(s1, s2, k, first[..., : 1024 // first.shape[-1]], second)


name, profiles, forward, select, gradients = Mutant.parts()
