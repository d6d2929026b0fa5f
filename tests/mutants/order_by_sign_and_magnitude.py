"""Scores are ranked by their bits as integers, so negative ones come the wrong way round."""

import numpy as np
from _layer import Net, best, restricted

CLAUSE, STAGE = "SEL-3", "selection"


class Mutant(Net):
    def choose(self, s1, s2, k):
        n = s1.shape[-1]
        keys = [np.where(s < 0, -1e6 - s, s) for s in (s1, s2)]
        first, second = (best(s, min(k, n)) for s in keys)
        return restricted(s1, s2, k, first, second)


name, profiles, forward, select, gradients = Mutant.parts()
