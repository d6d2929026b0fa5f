"""Queries are quantised with one scale for the whole batch."""

import numpy as np
from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "SEL-6", "independence"


class Mutant(NumpyBackend):
    def query(self, r):
        q = super().query(r)
        scale = np.nanmax(np.abs(q), initial=1) / 127
        return np.rint(q / scale).astype(r.compute_dtype) * r.compute_dtype.type(scale)


name, profiles, forward, select, gradients = Mutant.as_backend()
