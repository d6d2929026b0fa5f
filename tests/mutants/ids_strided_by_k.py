"""The id of expert (i, j) is i·k + j."""

import numpy as np
from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "IDX-1", "score"


class Mutant(NumpyBackend):
    def selection(self, s1, s2, k):
        scores, ids = super().selection(s1, s2, k)
        i, j = np.divmod(ids, s1.shape[-1])
        return scores, np.minimum(i * k + j, s1.shape[-1] ** 2 - 1)


name, profiles, forward, select, gradients = Mutant.as_backend()
