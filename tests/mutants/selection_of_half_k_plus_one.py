"""Each half keeps k // 2 + 1 sub-keys."""

from _layer import Net, best, restricted

CLAUSE, STAGE = "SEL-3", "selection"


class Mutant(Net):
    def choose(self, s1, s2, k):
        n = s1.shape[-1]
        kept = min(n, k // 2 + 1)
        return restricted(s1, s2, k, best(s1, kept), best(s2, kept)) if kept**2 >= k else super().choose(s1, s2, k)


name, profiles, forward, select, gradients = Mutant.parts()
