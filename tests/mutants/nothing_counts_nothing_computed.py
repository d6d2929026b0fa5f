"""A batch whose mask counts no token returns zeros early."""

import numpy as np
from _layer import Net

CLAUSE, STAGE = "SHP-2", "structure"


class Mutant(Net):
    def output(self, r):
        y = super().output(r)
        return y if r.mask.any() or not len(y) else np.zeros_like(y)


name, profiles, forward, select, gradients = Mutant.parts()
