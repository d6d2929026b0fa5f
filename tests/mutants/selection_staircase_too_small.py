"""The staircase keeps the cells with (a+1)(b+1) < k instead of ≤ k."""

import numpy as np
from _numpy_backend import NumpyBackend
from _numpy_functions import stable_topk, take

CLAUSE, STAGE = "SEL-3", "selection"


class Mutant(NumpyBackend):
    def selection(self, s1, s2, k):
        n = s1.shape[-1]
        if k == n * n or k < 3:
            return super().selection(s1, s2, k)
        first, second = stable_topk(s1, min(k, n)), stable_topk(s2, min(k, n))
        total = take(s1, first)[..., :, None] + take(s2, second)[..., None, :]
        a = np.arange(min(k, n)) + 1
        cells = a[:, None] * a >= max(k, 2 * len(a) - 1) if k > 2 * n else a[:, None] * a >= k
        total = np.where(cells, -np.inf, total)
        flat = stable_topk(total.reshape(*s1.shape[:-1], len(a) ** 2), k)
        ids = take(first, flat // len(a)) * n + take(second, flat % len(a))
        return take(total.reshape(*s1.shape[:-1], len(a) ** 2), flat), ids


name, profiles, forward, select, gradients = Mutant.as_backend()
