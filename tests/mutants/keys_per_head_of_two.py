"""Of keys per head only two sets are ever used, in turn."""

import numpy as np
from _layer import Net

CLAUSE, STAGE = "SCO-3", "score"


class Mutant(Net):
    def keys(self, r):
        keys = super().keys(r)
        return keys[np.arange(r.config.heads) % 2] if r.config.key_heads > 1 else keys


name, profiles, forward, select, gradients = Mutant.parts()
