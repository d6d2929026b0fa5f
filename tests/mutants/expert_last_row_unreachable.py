"""Row N − 1 of u and w is read as row N − 2, because ids are clamped too far."""

import numpy as np
from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "EXP-1", "expert"


class Mutant(NumpyBackend):
    def gather_dot(self, r, name):
        ids = r.ids
        r.ids = np.minimum(ids, max(0, r.config.num_experts - 2))
        products, r.ids = super().gather_dot(r, name), ids
        return products


name, profiles, forward, select, gradients = Mutant.as_backend()
