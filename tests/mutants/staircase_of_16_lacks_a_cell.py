"""With k = 16, the staircase lacks the cell of ranks (4, 2)."""

import numpy as np
from _numpy_backend import NumpyBackend
from _numpy_functions import stable_topk, take

CLAUSE, STAGE = "SEL-2", "tie"


class Mutant(NumpyBackend):
    def selection(self, s1, s2, k):
        if k != 16 or s1.shape[-1] < 16:
            return super().selection(s1, s2, k)
        n = s1.shape[-1]
        first, second = stable_topk(s1, k), stable_topk(s2, k)
        total = take(s1, first)[..., :, None] + take(s2, second)[..., None, :]
        total[..., 4, 2] = -np.inf
        total = total.reshape(*s1.shape[:-1], k * k)
        cells = stable_topk(total, k)
        return take(total, cells), take(first, cells // k) * n + take(second, cells % k)


name, profiles, forward, select, gradients = Mutant.as_backend()
