"""Ids are clamped to 32767 when rows of v are read."""

import numpy as np
from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "EXP-1", "expert"


class Mutant(NumpyBackend):
    def output(self, r):
        ids = np.minimum(r.ids, 32767)
        return self.einsum("thk,thkm->tm", r.gates * r.weights, r.params["experts.v"][ids])


name, profiles, forward, select, gradients = Mutant.as_backend()
