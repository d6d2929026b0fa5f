"""Each token uses the query of the token before it."""

import numpy as np
from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "SEL-6", "independence"


class Mutant(NumpyBackend):
    def query(self, r):
        return np.roll(super().query(r), 1, 0)


name, profiles, forward, select, gradients = Mutant.as_backend()
