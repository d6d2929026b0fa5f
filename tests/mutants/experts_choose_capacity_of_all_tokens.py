"""The capacity follows from all tokens, also those that do not count."""

import numpy as np
from _comparing import ComparingBackend

CLAUSE, STAGE = "XCM-4", "selection"


class Mutant(ComparingBackend):
    def capacity(self, r):
        counted, r.mask = r.mask, np.ones(len(r.x), bool)
        capacity, r.mask = super().capacity(r), counted
        return min(capacity, int(r.computed.sum()))


name, profiles, forward, comparison, comparison_gradients = Mutant.as_backend()
