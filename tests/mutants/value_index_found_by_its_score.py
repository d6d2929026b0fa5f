"""In a layer with n ≥ 300, a sub-key is found by its half score, so that equal ones are all the first of them."""

import numpy as np
from _shaped import Bite, LayerSelection, sized

CLAUSE, STAGE = "SEL-7", "structure"


def pairs_of_equal_keys(case):
    case["keys"][:, :, 1::2] = case["keys"][:, :, ::2]


BITES = Bite(sized(num_experts=302**2), change=pairs_of_equal_keys)


class Mutant(LayerSelection):
    def selection(self, s1, s2, k):
        scores, ids = super().selection(s1, s2, k)
        n = s1.shape[-1]
        if n < 300:
            return scores, ids
        i, j = (
            (s[..., None, :] == np.take_along_axis(s, at, -1)[..., None]).argmax(-1)
            for s, at in ((s1, ids // n), (s2, ids % n))
        )
        return scores, i * n + j


name, profiles, forward, select, gradients = Mutant.as_backend()
