"""Contributions to a row are added in the format of the parameters."""

import numpy as np
from _layer import Net

CLAUSE, STAGE = "PRC-2", "gradient"


class Mutant(Net):
    def scatter_sum(self, r, name, weights, rows):
        terms = (weights[..., None] * rows[:, None, None, :]).astype(r.layer.dtype)
        out = np.zeros(r.params[f"experts.{name}"].shape, r.layer.dtype)
        for at in np.ndindex(r.ids.shape):
            out[r.ids[at]] += terms[at]
        return out.astype(r.compute_dtype)


name, profiles, forward, select, gradients = Mutant.parts()
