"""A product-key memory takes half of k candidates from each half, as many as fill k pairs."""

from _comparing import ComparingBackend
from _numpy_functions import selection_among, stable_topk

CLAUSE, STAGE = "PKM-3", "selection"


class Mutant(ComparingBackend):
    def pkm(self, r):
        self.few = True
        try:
            super().pkm(r)
        finally:
            self.few = False

    few = False

    def selection(self, s1, s2, k):
        if not self.few:
            return super().selection(s1, s2, k)
        n = s1.shape[-1]
        some = max(1, k // 2) if k // 2 * (k // 2) >= k else min(k, n)
        return selection_among(s1, s2, k, stable_topk(s1, some), stable_topk(s2, some))


name, profiles, forward, comparison, comparison_gradients = Mutant.as_backend()
