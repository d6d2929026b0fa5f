"""In training, a fixed dropout mask sets a tenth of the gates to zero."""

import numpy as np
from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "OUT-4", "independence"


class Mutant(NumpyBackend):
    def gates(self, r):
        gates = super().gates(r)
        keep = np.random.default_rng(0).random(gates.shape) < 0.9
        return gates * keep if r.training else gates


name, profiles, forward, select, gradients = Mutant.as_backend()
