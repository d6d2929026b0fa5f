"""Keys per head are read in memory order; shared keys are not."""

import numpy as np
from _numpy_backend import NumpyBackend
from _shaped import Bite, in_columns, sized

CLAUSE, STAGE = "PAR-1", "structure"
BITES = Bite(sized(key_heads=2), change=in_columns("keys"))


class Mutant(NumpyBackend):
    def half_scores(self, r):
        keys = r.params["keys"]
        if r.config.key_heads > 1:
            r.params["keys"] = np.reshape(keys.ravel(order="K"), keys.shape)
        return super().half_scores(r)


name, profiles, forward, select, gradients = Mutant.as_backend()
