"""The identity activation clips its argument to ±60."""

import numpy as np
from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "ACT-1", "activation"


class Mutant(NumpyBackend):
    def activate(self, kind, a):
        return np.clip(a, -60, 60) if kind == "identity" else super().activate(kind, a)


name, profiles, forward, select, gradients = Mutant.as_backend()
