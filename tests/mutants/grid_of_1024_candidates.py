"""Only the first 1024 candidates of the grid are sorted."""

from _numpy_backend import NumpyBackend
from _numpy_functions import selection_among, stable_topk

CLAUSE, STAGE = "SEL-3", "selection"


class Mutant(NumpyBackend):
    def selection(self, s1, s2, k):
        n = s1.shape[-1]
        first, second = stable_topk(s1, min(k, n)), stable_topk(s2, min(k, n))
        if first.shape[-1] ** 2 <= 1024:
            return super().selection(s1, s2, k)
        return selection_among(s1, s2, k, first[..., : 1024 // first.shape[-1]], second)


name, profiles, forward, select, gradients = Mutant.as_backend()
