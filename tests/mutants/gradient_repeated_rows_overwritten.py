"""Contributions to one row of an expert table overwrite each other instead of adding up."""

import numpy as np
from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "GRD-3", "gradient"


class Mutant(NumpyBackend):
    def scatter_sum(self, r, name, weights, rows):
        out = np.zeros(r.params[f"experts.{name}"].shape, r.compute_dtype)
        out[r.ids] = weights[..., None] * rows[:, None, None, :]
        return out


name, profiles, forward, select, gradients = Mutant.as_backend()
