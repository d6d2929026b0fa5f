"""Experts with equal negative scores are in reverse order."""

import numpy as np
from _numpy_backend import NumpyBackend
from _numpy_functions import stable_topk, take

CLAUSE, STAGE = "SEL-2", "tie"


class Mutant(NumpyBackend):
    def selection(self, s1, s2, k):
        n = s1.shape[-1]
        first, second = stable_topk(s1, min(k, n)), stable_topk(s2, min(k, n))
        grid = (*s1.shape[:-1], first.shape[-1] * second.shape[-1])
        total = (take(s1, first)[..., :, None] + take(s2, second)[..., None, :]).reshape(grid)
        ids = self.expert_ids(first[..., :, None], second[..., None, :], n).reshape(grid)
        position = np.arange(grid[-1])
        cells = np.lexsort((np.where(total < 0, -position, position), -total), -1)[..., :k]
        return take(total, cells), take(ids, cells)


name, profiles, forward, select, gradients = Mutant.as_backend()
