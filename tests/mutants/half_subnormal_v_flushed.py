"""Subnormal numbers of float16 in v are read as zeros."""

import numpy as np
from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "PRC-2", "accumulation"


class Mutant(NumpyBackend):
    def output(self, r):
        if r.layer.dtype == np.float16:
            v = r.params["experts.v"]
            r.params["experts.v"] = np.where(np.abs(v) < 2.0**-14, 0, v).astype(v.dtype)
        return super().output(r)


name, profiles, forward, select, gradients = Mutant.as_backend()
