"""The inner products of experts are computed in TF32."""

import numpy as np
from _numpy_backend import NumpyBackend
from _numpy_functions import tf32

CLAUSE, STAGE = "PRC-2", "expert"


class Mutant(NumpyBackend):
    def gather_dot(self, r, name):
        rows = tf32(r.params[f"experts.{name}"][r.ids])
        return np.einsum("thkd,td->thk", rows, tf32(r.x))


name, profiles, forward, select, gradients = Mutant.as_backend()
