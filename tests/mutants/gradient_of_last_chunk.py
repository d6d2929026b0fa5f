"""The gradient of u is that of the last chunk of 64 tokens."""

import numpy as np
from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "GRD-3", "gradient"


class Mutant(NumpyBackend):
    def scatter_sum(self, r, name, weights, rows):
        if name == "u" and len(rows) > 64:
            weights = weights * (np.arange(len(rows)) >= (len(rows) - 1) // 64 * 64)[:, None, None]
        return super().scatter_sum(r, name, weights, rows)


name, profiles, forward, select, gradients = Mutant.as_backend()
