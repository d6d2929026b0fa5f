"""y of an expert-choice layer is the sum of blocks without their scores."""

import numpy as np
from _comparing import ComparingBackend

CLAUSE, STAGE = "XCM-5", "expert"


class Mutant(ComparingBackend):
    def combined(self, r):
        if r.config.kind == "expert-choice":
            r.gate = np.ones_like(r.gate)
        return super().combined(r)


name, profiles, forward, comparison, comparison_gradients = Mutant.as_backend()
