"""In the layer, but not in select(), each block of 128 sub-keys passes on only its best eight, whatever k is."""

import numpy as np
from _numpy_backend import NumpyBackend
from _numpy_functions import selection_among, stable_topk, take

from peerspec.reference import Selection

CLAUSE, STAGE = "SEL-3", "selection"


class Mutant(NumpyBackend):
    def selection(self, s1, s2, k):
        n = s1.shape[-1]
        if n <= 128:
            return super().selection(s1, s2, k)
        first, second = (self.winners(s, k) for s in (s1, s2))
        return selection_among(s1, s2, k, first, second)

    def winners(self, s, k):
        blocks = [stable_topk(s[..., at : at + 128], 8) + at for at in range(0, s.shape[-1], 128)]
        found = np.sort(np.concatenate(blocks, -1), -1)
        return take(found, stable_topk(take(s, found), min(k, found.shape[-1])))

    def select(self, s1, s2, k):
        return Selection(*super().selection(s1, s2, k))


name, profiles, forward, select, gradients = Mutant.as_backend()
