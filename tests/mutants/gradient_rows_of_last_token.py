"""In the gradient of v, contributions of later tokens to a row overwrite those of earlier tokens."""

import numpy as np
from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "GRD-3", "gradient"


class Mutant(NumpyBackend):
    def scatter_sum(self, r, name, weights, rows):
        if name != "v":
            return super().scatter_sum(r, name, weights, rows)
        out = np.zeros(r.params["experts.v"].shape, r.compute_dtype)
        for t in range(len(rows)):
            part = np.zeros_like(out)
            np.add.at(part, r.ids[t], weights[t][..., None] * rows[t])
            out[np.unique(r.ids[t])] = part[np.unique(r.ids[t])]
        return out


name, profiles, forward, select, gradients = Mutant.as_backend()
