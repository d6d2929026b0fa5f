"""Dropped choices add to y as kept ones do."""

import numpy as np
from _comparing import ComparingBackend

CLAUSE, STAGE = "TCM-5", "expert"


class Mutant(ComparingBackend):
    def combined(self, r):
        if r.config.kind == "token-choice":
            r.chosen = self.by_expert(r, np.broadcast_to(r.computed[:, None], r.ids.shape))
        return super().combined(r)


name, profiles, forward, comparison, comparison_gradients = Mutant.as_backend()
