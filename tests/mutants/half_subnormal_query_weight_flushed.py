"""Subnormal numbers of float16 in W are read as zeros."""

import numpy as np
from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "SCO-1", "score"


class Mutant(NumpyBackend):
    def query(self, r):
        if r.layer.dtype == np.float16:
            weight = r.params["query.weight"]
            r.params["query.weight"] = np.where(np.abs(weight) < 2.0**-14, 0, weight).astype(weight.dtype)
        return super().query(r)


name, profiles, forward, select, gradients = Mutant.as_backend()
