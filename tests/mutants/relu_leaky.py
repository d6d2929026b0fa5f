"""relu multiplies negative arguments by 0.01 instead of 0."""

import numpy as np
from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "ACT-1", "activation"


class Mutant(NumpyBackend):
    def activate(self, kind, a):
        return np.where(a > 0, a, a * a.dtype.type(0.01)) if kind == "relu" else super().activate(kind, a)


name, profiles, forward, select, gradients = Mutant.as_backend()
