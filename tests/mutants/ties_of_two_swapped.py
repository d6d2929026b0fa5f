"""Two sub-keys are ordered by one comparison, which swaps them where they tie."""

import numpy as np
from _layer import Net, restricted

CLAUSE, STAGE = "SEL-2", "tie"


class Mutant(Net):
    def choose(self, s1, s2, k):
        if s1.shape[-1] != 2:
            return super().choose(s1, s2, k)
        orders = (np.where(s[..., :1] > s[..., 1:], [0, 1], [1, 0]) for s in (s1, s2))
        return restricted(s1, s2, k, *orders)


name, profiles, forward, select, gradients = Mutant.parts()
