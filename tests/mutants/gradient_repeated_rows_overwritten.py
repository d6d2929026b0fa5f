"""Repeated rows overwrite each other instead of adding up."""

import numpy as np
from _layer import Net

CLAUSE, STAGE = "GRD-3", "gradient"


class Mutant(Net):
    def scatter_sum(self, r, name, weights, rows):
        out = np.zeros(r.params[f"experts.{name}"].shape, r.compute_dtype)
        out[r.ids] = weights[..., None] * rows[:, None, None, :]
        return out


name, profiles, forward, select, gradients = Mutant.parts()
