"""Experts compute tokens that do not count."""

import numpy as np
from _comparing import ComparingBackend

CLAUSE, STAGE = "CMP-5", "selection"


class Mutant(ComparingBackend):
    def eligible(self, r):
        return np.isfinite(r.logits).all(-1)


name, profiles, forward, comparison, comparison_gradients = Mutant.as_backend()
