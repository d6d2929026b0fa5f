"""In float16 layers half scores end at the largest number of float16."""

import numpy as np
from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "SCO-1", "score"


class Mutant(NumpyBackend):
    def half_scores(self, r):
        halves = super().half_scores(r)
        return tuple(np.clip(s, -65504, 65504) for s in halves) if r.layer.dtype == np.float16 else halves


name, profiles, forward, select, gradients = Mutant.as_backend()
