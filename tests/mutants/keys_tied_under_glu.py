"""With GLU experts, every head uses the sub-keys of head 0."""

import numpy as np
from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "SCO-3", "score"


class Mutant(NumpyBackend):
    def keys(self, r):
        keys = super().keys(r)
        return np.repeat(keys[:1], len(keys), 0) if r.config.expert == "glu" else keys


name, profiles, forward, select, gradients = Mutant.as_backend()
