"""relu is capped at 20."""

import numpy as np
from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "ACT-1", "activation"


class Mutant(NumpyBackend):
    def activate(self, kind, a):
        return np.minimum(np.maximum(a, 0), 20) if kind == "relu" else super().activate(kind, a)


name, profiles, forward, select, gradients = Mutant.as_backend()
