"""A buffer holds the queries of 20 heads, and later heads read it from the start."""

import numpy as np
from _numpy_backend import NumpyBackend
from _shaped import Bite, sized

CLAUSE, STAGE = "SCO-1", "score"
BITES = Bite(sized(heads=23, d_key=4))


class Mutant(NumpyBackend):
    def query(self, r):
        q = super().query(r)
        return q[:, np.arange(r.config.heads) % 20]


name, profiles, forward, select, gradients = Mutant.as_backend()
