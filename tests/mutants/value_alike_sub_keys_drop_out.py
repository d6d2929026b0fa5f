"""In a layer with n ≥ 200, each of 64 buckets passes on its best sub-key, and alike neighbours share a bucket."""

from _numpy_functions import selection_among, stable_topk, take
from _shaped import Bite, LayerSelection, sized

CLAUSE, STAGE = "SEL-3", "selection"


def alike_neighbours(case):
    case["keys"][:, :, 64:128] = case["keys"][:, :, :64] * 0.96875


BITES = Bite(sized(num_experts=256**2, top_k=12), change=alike_neighbours)


class Mutant(LayerSelection):
    def selection(self, s1, s2, k):
        n = s1.shape[-1]
        if n < 200 or n % 64 or k > 64:
            return super().selection(s1, s2, k)
        return selection_among(s1, s2, k, *(self.winners(s, k) for s in (s1, s2)))

    def winners(self, s, k):
        n = s.shape[-1]
        best = s.reshape(*s.shape[:-1], n // 64, 64).argmax(-2)
        found = best * 64 + range(64)
        return take(found, stable_topk(take(s, found), min(k, 64)))


name, profiles, forward, select, gradients = Mutant.as_backend()
