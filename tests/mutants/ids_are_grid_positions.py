"""Positions in the k′ × k′ grid of candidates are returned as ids."""

import numpy as np
from _layer import Net, best, take

CLAUSE, STAGE = "IDX-1", "score"


class Mutant(Net):
    def choose(self, s1, s2, k):
        scores, ids = super().choose(s1, s2, k)
        n, side = s1.shape[-1], min(k, s1.shape[-1])
        a, b = (self.ranks(s, at) for s, at in zip((s1, s2), np.divmod(ids, n), strict=True))
        return scores, a * side + b

    def ranks(self, s, at):
        return take(best(s, s.shape[-1]).argsort(-1), at)


name, profiles, forward, select, gradients = Mutant.parts()
