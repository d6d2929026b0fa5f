"""With several heads, the last one is omitted."""

import numpy as np
from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "OUT-1", "accumulation"


class Mutant(NumpyBackend):
    def output(self, r):
        if r.config.heads > 1:
            r.weights = r.weights * (np.arange(r.config.heads) < r.config.heads - 1)[:, None].astype(r.compute_dtype)
        return super().output(r)


name, profiles, forward, select, gradients = Mutant.as_backend()
