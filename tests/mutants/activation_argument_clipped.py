"""Inner products are clipped to ±88 before the activation, to keep exp finite."""

import numpy as np
from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "ACT-1", "activation"


class Mutant(NumpyBackend):
    def activate(self, kind, a):
        return super().activate(kind, a if kind in ("relu", "identity") else np.clip(a, -88, 88))


name, profiles, forward, select, gradients = Mutant.as_backend()
