"""Half scores are padded to a power of two with −10⁴, which exceeds lower half scores."""

import numpy as np
from _numpy_backend import NumpyBackend
from _numpy_functions import selection_among, stable_topk

CLAUSE, STAGE = "SEL-7", "structure"


class Mutant(NumpyBackend):
    def selection(self, s1, s2, k):
        n = s1.shape[-1]
        room, side = 1 << (n - 1).bit_length(), min(k, n)
        wide = [np.concatenate([s, np.full((*s.shape[:-1], room - n), -1e4, s.dtype)], -1) for s in (s1, s2)]
        first, second = (np.minimum(stable_topk(s, side), n - 1) for s in wide)
        return selection_among(s1, s2, k, first, second)


name, profiles, forward, select, gradients = Mutant.as_backend()
