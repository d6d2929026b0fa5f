"""At most 16 sub-keys of each half are kept, whatever k is."""

from _numpy_backend import NumpyBackend
from _numpy_functions import selection_among, stable_topk

CLAUSE, STAGE = "SEL-3", "selection"


class Mutant(NumpyBackend):
    def selection(self, s1, s2, k):
        n = s1.shape[-1]
        side = min(k, n, 16)
        return (
            selection_among(s1, s2, k, stable_topk(s1, side), stable_topk(s2, side))
            if side**2 >= k
            else super().selection(s1, s2, k)
        )


name, profiles, forward, select, gradients = Mutant.as_backend()
