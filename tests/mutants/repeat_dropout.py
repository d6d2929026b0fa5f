"""At inference, a random tenth of the gates is set to zero."""

import numpy as np
from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "IND-3", "independence"


class Mutant(NumpyBackend):
    def gates(self, r):
        gates = super().gates(r)
        keep = self.random.random(gates.shape) >= 0.1
        return gates * keep.astype(r.compute_dtype)

    random = np.random.default_rng(0)


name, profiles, forward, select, gradients = Mutant.as_backend()
