"""Tokens after the eighth use the first half scores of the token before."""

import numpy as np
from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "SEL-6", "independence"


class Mutant(NumpyBackend):
    def selection(self, s1, s2, k):
        if s1.ndim == 3 and len(s1) > 8:
            s1 = np.concatenate([s1[:8], s1[7:-1]])
        return super().selection(s1, s2, k)


name, profiles, forward, select, gradients = Mutant.as_backend()
