"""In a layer with n ≥ 300, sub-keys are ranked by the upper 16 bits of their half scores."""

import numpy as np
from _numpy_functions import selection_among
from _shaped import Bite, LayerSelection, ranked, sized

CLAUSE, STAGE = "SEL-3", "selection"


def alike_keys(case):
    case["keys"] = case["keys"][:, :, :1] + case["keys"] * 2.0**-8


BITES = Bite(sized(num_experts=310**2, top_k=16), change=alike_keys)


class Mutant(LayerSelection):
    def selection(self, s1, s2, k):
        if s1.shape[-1] < 300:
            return super().selection(s1, s2, k)
        upper = ((s.astype(np.float32).view(np.int32) & ~0xFFFF).view(np.float32) for s in (s1, s2))
        return selection_among(s1, s2, k, *ranked(*upper, k))


name, profiles, forward, select, gradients = Mutant.as_backend()
