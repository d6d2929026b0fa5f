"""Negative scores are ranked by a descending sort of magnitudes, which turns their ties round."""

import numpy as np
from _layer import Net, best, take

CLAUSE, STAGE = "SEL-2", "tie"


class Mutant(Net):
    def choose(self, s1, s2, k):
        n = s1.shape[-1]
        first, second = best(s1, min(k, n)), best(s2, min(k, n))
        grid = (*s1.shape[:-1], first.shape[-1] * second.shape[-1])
        total = (take(s1, first)[..., :, None] + take(s2, second)[..., None, :]).reshape(grid)
        ids = self.number(first[..., :, None], second[..., None, :], n).reshape(grid)
        place = np.arange(grid[-1])
        cells = np.lexsort((np.where(total < 0, -place, place), -total), -1)[..., :k]
        return take(total, cells), take(ids, cells)


name, profiles, forward, select, gradients = Mutant.parts()
