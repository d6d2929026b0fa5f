"""For 16 < k < 32, the staircase lacks the cells of ranks a, b ≥ 1 with (a+1)(b+1) = k."""

import numpy as np
from _numpy_backend import NumpyBackend
from _numpy_functions import stable_topk, take
from _shaped import SelectBite, ranked

from peerspec.reference import Selection

CLAUSE, STAGE = "SEL-2", "tie"


def corner_of_5_by_4(s1, s2):
    far = (np.arange(s1.shape[-1]) < 5), (np.arange(s1.shape[-1]) < 4)
    return s1 + 64 * far[0].astype(s1.dtype), s2 + 64 * far[1].astype(s2.dtype)


BITES = SelectBite(25, 20, change=corner_of_5_by_4)


class Mutant(NumpyBackend):
    def select(self, s1, s2, k):
        if not 16 < k < 32:
            return super().select(s1, s2, k)
        first, second = ranked(s1, s2, k)
        a, b = np.divmod(np.arange(first.shape[-1] * second.shape[-1]), second.shape[-1])
        kept = np.flatnonzero(((a + 1) * (b + 1) <= k) & ~(((a + 1) * (b + 1) == k) & (a > 0) & (b > 0)))
        i, j = first[..., a[kept]], second[..., b[kept]]
        total = take(s1, i) + take(s2, j)
        cells = stable_topk(total, k)
        return Selection(take(total, cells), take(i * s1.shape[-1] + j, cells))


name, profiles, forward, select, gradients = Mutant.as_backend()
