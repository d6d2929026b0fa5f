"""With n = 2, sub-keys with equal half scores are swapped."""

import numpy as np
from _numpy_backend import NumpyBackend
from _numpy_functions import selection_among

CLAUSE, STAGE = "SEL-2", "tie"


class Mutant(NumpyBackend):
    def selection(self, s1, s2, k):
        if s1.shape[-1] != 2:
            return super().selection(s1, s2, k)
        orders = (np.where(s[..., :1] > s[..., 1:], [0, 1], [1, 0]) for s in (s1, s2))
        return selection_among(s1, s2, k, *orders)


name, profiles, forward, select, gradients = Mutant.as_backend()
