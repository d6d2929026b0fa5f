"""The fused path for GLU experts forgets that keys may differ by head."""

import numpy as np
from _layer import Net

CLAUSE, STAGE = "QRY-1", "query norm"


class Mutant(Net):
    def keys(self, r):
        keys = super().keys(r)
        return np.repeat(keys[:1], len(keys), 0) if r.config.expert == "glu" else keys


name, profiles, forward, select, gradients = Mutant.parts()
