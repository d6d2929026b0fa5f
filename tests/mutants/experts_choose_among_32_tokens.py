"""Experts choose among the first 32 eligible tokens alone if there are more, or as many as they must choose."""

import numpy as np
from _comparing import ComparingBackend

CLAUSE, STAGE = "XCM-5", "selection"


class Mutant(ComparingBackend):
    def chosen(self, r, capacity):
        computed, r.computed = r.computed, r.computed & (np.cumsum(r.computed) <= max(32, capacity))
        found, r.computed = super().chosen(r, capacity), computed
        return found


name, profiles, forward, comparison, comparison_gradients = Mutant.as_backend()
