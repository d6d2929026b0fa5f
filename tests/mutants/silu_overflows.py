"""silu is computed as a·exp(a)/(1 + exp(a)), which overflows."""

import numpy as np
from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "ACT-1", "activation"


class Mutant(NumpyBackend):
    def activate(self, kind, a):
        powers = np.exp(a)
        return a * (powers / (1 + powers)) if kind == "silu" else super().activate(kind, a)


name, profiles, forward, select, gradients = Mutant.as_backend()
