"""At most 16 sub-keys of each half are kept, whatever k."""

from _layer import Net, best, restricted

CLAUSE, STAGE = "SEL-3", "selection"


class Mutant(Net):
    def choose(self, s1, s2, k):
        n = s1.shape[-1]
        kept = min(k, n, 16)
        return restricted(s1, s2, k, best(s1, kept), best(s2, kept)) if kept**2 >= k else super().choose(s1, s2, k)


name, profiles, forward, select, gradients = Mutant.parts()
