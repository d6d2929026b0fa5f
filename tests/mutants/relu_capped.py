"""relu is capped at 6."""

import numpy as np
from _layer import Net

CLAUSE, STAGE = "ACT-1", "activation"


class Mutant(Net):
    def activate(self, kind, a):
        return np.clip(a, 0, 6) if kind == "relu" else super().activate(kind, a)


name, profiles, forward, select, gradients = Mutant.parts()
