"""In a layer with n > 320, half scores are kept in float16 to save memory."""

import numpy as np
from _numpy_backend import NumpyBackend
from _shaped import Bite, sized, through

CLAUSE, STAGE = "PRC-2", "score"
BITES = Bite(sized(num_experts=330**2))


class Mutant(NumpyBackend):
    def half_scores(self, r):
        parts = super().half_scores(r)
        return tuple(through(s, np.float16) for s in parts) if r.config.n > 320 else parts


name, profiles, forward, select, gradients = Mutant.as_backend()
