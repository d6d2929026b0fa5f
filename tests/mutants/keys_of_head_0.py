"""With keys per head, every head uses the sub-keys of head 0."""

import numpy as np
from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "SCO-3", "score"


class Mutant(NumpyBackend):
    def keys(self, r):
        return np.repeat(super().keys(r)[:1], r.config.heads, 0)


name, profiles, forward, select, gradients = Mutant.as_backend()
