"""In binary32, inner products with u and w lose all but the upper 20 bits of their sum after every addition."""

import numpy as np
from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "PRC-2", "expert"


class Mutant(NumpyBackend):
    def gather_dot(self, r, name):
        if r.compute_dtype != np.float32:
            return super().gather_dot(r, name)
        rows, total = r.params[f"experts.{name}"][r.ids], np.zeros(r.ids.shape, np.float32)
        for d in range(r.config.d_model):
            total = total + rows[..., d] * r.x[:, None, None, d]
            total = (total.view(np.uint32) & np.uint32(0xFFFFFFF0)).view(np.float32)
        return total


name, profiles, forward, select, gradients = Mutant.as_backend()
