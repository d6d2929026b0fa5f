"""Contributions to a row of an expert table are summed in the input dtype."""

import numpy as np
from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "PRC-2", "gradient"


class Mutant(NumpyBackend):
    def scatter_sum(self, r, name, weights, rows):
        terms = (weights[..., None] * rows[:, None, None, :]).astype(r.layer.dtype)
        out = np.zeros(r.params[f"experts.{name}"].shape, r.layer.dtype)
        for at in np.ndindex(r.ids.shape):
            out[r.ids[at]] += terms[at]
        return out.astype(r.compute_dtype)


name, profiles, forward, select, gradients = Mutant.as_backend()
