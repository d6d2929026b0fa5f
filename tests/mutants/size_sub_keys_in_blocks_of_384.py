"""In the layer, beyond 384 sub-keys per half, only full blocks of 384 are candidates."""

from _numpy_functions import selection_among
from _shaped import Bite, LayerSelection, ranked, sized, whole

CLAUSE, STAGE = "SEL-3", "selection"
BITES = Bite(sized(num_experts=500**2))


class Mutant(LayerSelection):
    def selection(self, s1, s2, k):
        n = s1.shape[-1]
        if n <= 384:
            return super().selection(s1, s2, k)
        seen = whole(n, 384)
        return selection_among(s1, s2, k, *ranked(s1[..., :seen], s2[..., :seen], k))


name, profiles, forward, select, gradients = Mutant.as_backend()
