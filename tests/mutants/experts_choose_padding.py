"""Experts choose among all finite tokens, also those that do not count."""

import numpy as np
from _comparing import ComparingBackend

CLAUSE, STAGE = "CMP-5", "selection"


class Mutant(ComparingBackend):
    def chosen(self, r, capacity):
        r.computed = np.isfinite(r.logits).all(-1)
        return super().chosen(r, capacity)


name, profiles, forward, comparison, comparison_gradients = Mutant.as_backend()
