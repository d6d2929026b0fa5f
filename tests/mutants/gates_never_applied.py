"""Gates are computed and returned, but y is computed without them."""

import numpy as np
from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "OUT-1", "accumulation"


class Mutant(NumpyBackend):
    def output(self, r):
        return np.einsum("thk,thkm->tm", r.weights, r.params["experts.v"][r.ids])


name, profiles, forward, select, gradients = Mutant.as_backend()
