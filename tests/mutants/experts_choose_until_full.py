"""Where fewer tokens are eligible than an expert has places, it takes others until it is full."""

import numpy as np
from _comparing import ComparingBackend

CLAUSE, STAGE = "CMP-5", "selection"


class Mutant(ComparingBackend):
    def chosen(self, r, capacity):
        chosen = super().chosen(r, capacity)
        for e in range(r.config.num_experts):
            left = np.flatnonzero(~chosen[:, e])
            chosen[left[: capacity - chosen[:, e].sum()], e] = True
        return chosen


name, profiles, forward, comparison, comparison_gradients = Mutant.as_backend()
