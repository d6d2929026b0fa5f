"""Each group of four tokens uses the experts that its first token selects."""

import numpy as np
from _numpy_backend import NumpyBackend
from _numpy_functions import take

CLAUSE, STAGE = "SEL-6", "independence"


class Mutant(NumpyBackend):
    def selection(self, s1, s2, k):
        if s1.ndim != 3 or not len(s1):
            return super().selection(s1, s2, k)
        leader = np.arange(len(s1)) // 4 * 4
        _, ids = super().selection(s1[leader], s2[leader], k)
        return take(s1, ids // s1.shape[-1]) + take(s2, ids % s1.shape[-1]), ids


name, profiles, forward, select, gradients = Mutant.as_backend()
