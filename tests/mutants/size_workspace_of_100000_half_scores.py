"""A workspace holds 100,000 half scores of one side, and the half scores beyond it are zero."""

import numpy as np
from _numpy_backend import NumpyBackend
from _shaped import Bite, sized

CLAUSE, STAGE = "SCO-1", "score"
BITES = Bite(sized(d_model=2, d_key=4, num_experts=300**2, d_out=1), (170,))


class Mutant(NumpyBackend):
    def half_scores(self, r):
        parts = super().half_scores(r)
        return tuple(np.where(np.arange(s.size).reshape(s.shape) < 100_000, s, s.dtype.type(0)) for s in parts)


name, profiles, forward, select, gradients = Mutant.as_backend()
