"""The last sub-key of each half is never selected."""

from _numpy_backend import NumpyBackend
from _numpy_functions import selection_among, stable_topk

CLAUSE, STAGE = "SEL-3", "selection"


class Mutant(NumpyBackend):
    def selection(self, s1, s2, k):
        n = s1.shape[-1]
        if k > (n - 1) ** 2:
            return super().selection(s1, s2, k)
        side = stable_topk(s1[..., :-1], min(k, n)), stable_topk(s2[..., :-1], min(k, n))
        return selection_among(s1, s2, k, *side)


name, profiles, forward, select, gradients = Mutant.as_backend()
