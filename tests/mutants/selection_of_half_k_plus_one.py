"""Each half keeps only k // 2 + 1 sub-keys."""

from _numpy_backend import NumpyBackend
from _numpy_functions import selection_among, stable_topk

CLAUSE, STAGE = "SEL-3", "selection"


class Mutant(NumpyBackend):
    def selection(self, s1, s2, k):
        n = s1.shape[-1]
        side = min(n, k // 2 + 1)
        return (
            selection_among(s1, s2, k, stable_topk(s1, side), stable_topk(s2, side))
            if side**2 >= k
            else super().selection(s1, s2, k)
        )


name, profiles, forward, select, gradients = Mutant.as_backend()
