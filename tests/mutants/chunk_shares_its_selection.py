"""Four tokens in a row share the experts of the first, to read tables once."""

import numpy as np
from _layer import Net, take

CLAUSE, STAGE = "SEL-6", "independence"


class Mutant(Net):
    def choose(self, s1, s2, k):
        if s1.ndim != 3 or not len(s1):
            return super().choose(s1, s2, k)
        leader = np.arange(len(s1)) // 4 * 4
        _, ids = super().choose(s1[leader], s2[leader], k)
        return take(s1, ids // s1.shape[-1]) + take(s2, ids % s1.shape[-1]), ids


name, profiles, forward, select, gradients = Mutant.parts()
