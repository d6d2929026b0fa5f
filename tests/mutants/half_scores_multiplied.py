"""The score is the product of the half scores instead of their sum."""

from _numpy_backend import NumpyBackend
from _numpy_functions import stable_topk, take

CLAUSE, STAGE = "SCO-4", "score"


class Mutant(NumpyBackend):
    def selection(self, s1, s2, k):
        grid = (s1[..., :, None] * s2[..., None, :]).reshape(*s1.shape[:-1], s1.shape[-1] ** 2)
        ids = stable_topk(grid, k)
        return take(grid, ids), ids


name, profiles, forward, select, gradients = Mutant.as_backend()
