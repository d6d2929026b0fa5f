"""In training y is scaled as by a dropout that drops nothing."""

import numpy as np
from _comparing import ComparingBackend

CLAUSE, STAGE = "DNS-3", "expert"


class Mutant(ComparingBackend):
    def answered(self, r, lead):
        if r.config.kind == "dense":
            r.y = r.y * np.asarray(1.25 if r.training else 1, r.y.dtype)
        return super().answered(r, lead)


name, profiles, forward, comparison, comparison_gradients = Mutant.as_backend()
