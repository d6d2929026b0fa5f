"""With k = 1, the router gets no gradient even for sigmoid gates."""

import numpy as np
from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "GRD-1", "gradient"


class Mutant(NumpyBackend):
    def gate_backward(self, r, dgate):
        return np.zeros_like(dgate) if r.config.top_k == 1 else super().gate_backward(r, dgate)


name, profiles, forward, select, gradients = Mutant.as_backend()
