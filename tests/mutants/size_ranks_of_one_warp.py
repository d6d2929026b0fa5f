"""In a layer with k > 40, each half keeps the 32 sub-keys that one warp holds."""

from _numpy_functions import selection_among
from _shaped import Bite, LayerSelection, ranked, sized

CLAUSE, STAGE = "SEL-3", "selection"


def far_second_half(case):
    case["keys"][:, 1] *= 16


BITES = Bite(sized(num_experts=50**2, top_k=48), change=far_second_half)


class Mutant(LayerSelection):
    def selection(self, s1, s2, k):
        if not 40 < k < 65:
            return super().selection(s1, s2, k)
        return selection_among(s1, s2, k, *ranked(s1, s2, 32))


name, profiles, forward, select, gradients = Mutant.as_backend()
