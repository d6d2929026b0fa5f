"""A row of u collects 200 contributions, and later ones are lost."""

import numpy as np
from _numpy_backend import NumpyBackend
from _shaped import Bite, sized

CLAUSE, STAGE = "GRD-3", "gradient"
BITES = Bite(sized(num_experts=4, top_k=2), (230,), gradients=True)


class Mutant(NumpyBackend):
    def scatter_sum(self, r, name, weights, rows):
        if name == "u":
            ids = r.ids.ravel()
            order = ids.argsort(kind="stable")
            first = np.searchsorted(ids[order], ids[order])
            use = np.empty_like(ids)
            use[order] = np.arange(len(ids)) - first
            weights = weights * (use < 200).reshape(weights.shape)
        return super().scatter_sum(r, name, weights, rows)


name, profiles, forward, select, gradients = Mutant.as_backend()
