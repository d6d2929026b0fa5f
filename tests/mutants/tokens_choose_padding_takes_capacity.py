"""Tokens that do not count take places of experts, although experts do not compute them."""

import numpy as np
from _comparing import ComparingBackend

CLAUSE, STAGE = "TCM-5", "selection"


class Mutant(ComparingBackend):
    def kept(self, r):
        computed, r.computed = r.computed, np.ones(len(r.ids), bool)
        kept, r.computed = super().kept(r), computed
        return kept & computed[:, None]


name, profiles, forward, comparison, comparison_gradients = Mutant.as_backend()
