"""The gradient of u is written to row id mod 256."""

import numpy as np
from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "GRD-3", "gradient"


class Mutant(NumpyBackend):
    def scatter_sum(self, r, name, weights, rows):
        out = np.zeros(r.params[f"experts.{name}"].shape, r.compute_dtype)
        np.add.at(out, r.ids % 256 if name == "u" else r.ids, weights[..., None] * rows[:, None, None, :])
        return out


name, profiles, forward, select, gradients = Mutant.as_backend()
