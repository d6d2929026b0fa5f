"""silu is 0 below −20, where it is small in float32 and not in float64."""

import numpy as np
from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "ACT-1", "activation"


class Mutant(NumpyBackend):
    def activate(self, kind, a):
        out = super().activate(kind, a)
        return np.where(a < -20, 0, out).astype(a.dtype) if kind == "silu" else out


name, profiles, forward, select, gradients = Mutant.as_backend()
