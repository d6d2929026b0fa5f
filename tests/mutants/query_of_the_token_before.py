"""Queries are shifted by one token, as in a token shift."""

import numpy as np
from _layer import Net

CLAUSE, STAGE = "SEL-6", "independence"


class Mutant(Net):
    def query(self, r):
        return np.roll(super().query(r), 1, 0)


name, profiles, forward, select, gradients = Mutant.parts()
