"""Offsets of rows of u and w wrap at 65536."""

import numpy as np
from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "EXP-1", "expert"


class Mutant(NumpyBackend):
    def gather_dot(self, r, name):
        flat, width = r.params[f"experts.{name}"].reshape(-1), r.config.d_model
        at = (r.ids * width % 65536)[..., None] + np.arange(width)
        return self.einsum("thkd,td->thk", flat[at % flat.size], r.x)


name, profiles, forward, select, gradients = Mutant.as_backend()
