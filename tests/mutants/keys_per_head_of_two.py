"""With keys per head, heads use the sub-keys of heads 0 and 1 in turn."""

import numpy as np
from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "SCO-3", "score"


class Mutant(NumpyBackend):
    def keys(self, r):
        keys = super().keys(r)
        return keys[np.arange(r.config.heads) % 2] if r.config.key_heads > 1 else keys


name, profiles, forward, select, gradients = Mutant.as_backend()
