"""In the layer, only the first 256 sub-keys of each half are candidates."""

from _numpy_backend import NumpyBackend
from _numpy_functions import selection_among, stable_topk

CLAUSE, STAGE = "SEL-3", "selection"


class Mutant(NumpyBackend):
    def selection(self, s1, s2, k):
        if s1.shape[-1] <= 256 or s1.ndim == 2:
            return super().selection(s1, s2, k)
        return selection_among(
            s1, s2, k, stable_topk(s1[..., :256], min(k, 256)), stable_topk(s2[..., :256], min(k, 256))
        )


name, profiles, forward, select, gradients = Mutant.as_backend()
