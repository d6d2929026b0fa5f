"""Both halves use the first sub-keys."""

import numpy as np
from _layer import Net

CLAUSE, STAGE = "QRY-2", "query"


class Mutant(Net):
    def keys(self, r):
        return np.repeat(super().keys(r)[:, :1], 2, 1)


name, profiles, forward, select, gradients = Mutant.parts()
