"""relu saturates at 20, as in speech models."""

import numpy as np
from _layer import Net

CLAUSE, STAGE = "ACT-1", "activation"


class Mutant(Net):
    def activate(self, kind, a):
        return np.minimum(np.maximum(a, 0), 20) if kind == "relu" else super().activate(kind, a)


name, profiles, forward, select, gradients = Mutant.parts()
