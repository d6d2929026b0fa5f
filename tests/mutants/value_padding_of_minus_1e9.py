"""In the layer, sub-keys are padded to a multiple of 32 with half scores of −10⁹, which exceed lower ones."""

import numpy as np
from _numpy_functions import selection_among
from _shaped import Bite, LayerSelection, all_negative, ranked

CLAUSE, STAGE = "SEL-7", "gradient"


def far_below(case):
    all_negative(case)
    case["keys"] *= 2.0**36


BITES = Bite(change=far_below)


class Mutant(LayerSelection):
    def selection(self, s1, s2, k):
        n = s1.shape[-1]
        pad = np.full((*s1.shape[:-1], -n % 32), -1e9, s1.dtype)
        first, second = ranked(*(np.concatenate([s, pad], -1) for s in (s1, s2)), min(k, n))
        return selection_among(s1, s2, k, np.minimum(first, n - 1), np.minimum(second, n - 1))


name, profiles, forward, select, gradients = Mutant.as_backend()
