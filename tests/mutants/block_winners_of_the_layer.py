"""In the layer, and not in select(), each block of 128 sub-keys hands on its best eight, whatever k."""

import numpy as np
from _layer import Net, best, restricted, take

from peerspec.reference import Selection

CLAUSE, STAGE = "SEL-3", "selection"


class Mutant(Net):
    def choose(self, s1, s2, k):
        n = s1.shape[-1]
        if n <= 128:
            return super().choose(s1, s2, k)
        first, second = (self.winners(s, k) for s in (s1, s2))
        return restricted(s1, s2, k, first, second)

    def winners(self, s, k):
        blocks = [best(s[..., at : at + 128], 8) + at for at in range(0, s.shape[-1], 128)]
        found = np.sort(np.concatenate(blocks, -1), -1)
        return take(found, best(take(s, found), min(k, found.shape[-1])))

    def select(self, s1, s2, k):
        return Selection(*super().choose(s1, s2, k))


name, profiles, forward, select, gradients = Mutant.parts()
