"""The inner products of experts with the identity activation are computed in TF32."""

import numpy as np
from _numpy_backend import NumpyBackend
from _numpy_functions import tf32

CLAUSE, STAGE = "PRC-2", "expert"


class Mutant(NumpyBackend):
    def gather_dot(self, r, name):
        if r.config.activation != "identity":
            return super().gather_dot(r, name)
        return np.einsum("thkd,td->thk", tf32(r.params[f"experts.{name}"][r.ids]), tf32(r.x))


name, profiles, forward, select, gradients = Mutant.as_backend()
