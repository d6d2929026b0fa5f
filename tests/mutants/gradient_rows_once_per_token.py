"""In the gradients of u and w, contributions of the heads of one token to a row overwrite each other."""

import numpy as np
from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "GRD-3", "gradient"


class Mutant(NumpyBackend):
    def scatter_sum(self, r, name, weights, rows):
        if name == "v":
            return super().scatter_sum(r, name, weights, rows)
        out = np.zeros(r.params[f"experts.{name}"].shape, r.compute_dtype)
        for t in range(len(rows)):
            part = np.zeros_like(out)
            for h in range(r.config.heads):
                part[r.ids[t, h]] = weights[t, h][:, None] * rows[t]
            out += part
        return out


name, profiles, forward, select, gradients = Mutant.as_backend()
