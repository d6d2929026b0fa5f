"""relu lets a hundredth of negative values through."""

import numpy as np
from _layer import Net

CLAUSE, STAGE = "ACT-1", "activation"


class Mutant(Net):
    def activate(self, kind, a):
        return np.where(a > 0, a, a * a.dtype.type(0.01)) if kind == "relu" else super().activate(kind, a)


name, profiles, forward, select, gradients = Mutant.parts()
