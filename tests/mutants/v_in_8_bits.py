"""v is quantised to 8 bits with one scale per row."""

import numpy as np
from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "PRC-2", "expert"


class Mutant(NumpyBackend):
    def output(self, r):
        v = r.params["experts.v"]
        scale = np.abs(v).max(-1, keepdims=True) / 127 + r.compute_dtype.type(1e-30)
        r.params["experts.v"] = np.rint(v / scale) * scale
        return super().output(r)


name, profiles, forward, select, gradients = Mutant.as_backend()
