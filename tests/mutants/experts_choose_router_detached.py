"""The router of an expert-choice layer gets no gradient."""

import numpy as np
from _comparing import ComparingBackend

CLAUSE, STAGE = "XCM-7", "gradient"


class Mutant(ComparingBackend):
    def dlogits(self, r, dgate):
        found = super().dlogits(r, dgate)
        return np.zeros_like(found) if r.config.kind == "expert-choice" else found


name, profiles, forward, comparison, comparison_gradients = Mutant.as_backend()
