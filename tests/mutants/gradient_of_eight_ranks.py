"""The gradient of v omits all positions of a head after the first eight."""

import numpy as np
from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "GRD-3", "gradient"


class Mutant(NumpyBackend):
    def scatter_sum(self, r, name, weights, rows):
        if name == "v":
            weights = weights * (np.arange(r.config.top_k) < 8)
        return super().scatter_sum(r, name, weights, rows)


name, profiles, forward, select, gradients = Mutant.as_backend()
