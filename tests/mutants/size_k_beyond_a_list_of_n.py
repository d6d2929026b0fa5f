"""In a layer with k > n ≥ 8, the selection stops at n experts, and the rest of the list repeats the last one."""

import numpy as np
from _numpy_functions import take
from _shaped import Bite, LayerSelection, sized

CLAUSE, STAGE = "SEL-7", "structure"
BITES = Bite(sized(num_experts=9**2, top_k=20))


class Mutant(LayerSelection):
    def selection(self, s1, s2, k):
        scores, ids = super().selection(s1, s2, k)
        n = s1.shape[-1]
        if not 8 <= n < k:
            return scores, ids
        at = np.broadcast_to(np.minimum(np.arange(k), n - 1), ids.shape)
        return take(scores, at), take(ids, at)


name, profiles, forward, select, gradients = Mutant.as_backend()
