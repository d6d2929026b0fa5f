"""In a float64 layer with D ≥ 96, the inner products of experts are accumulated in float32."""

import numpy as np
from _numpy_backend import NumpyBackend
from _shaped import Bite, sized

CLAUSE, STAGE = "PRC-2", "accumulation"
BITES = Bite(sized(d_model=100), precision="float64")


class Mutant(NumpyBackend):
    def gather_dot(self, r, name):
        if r.config.d_model < 96:
            return super().gather_dot(r, name)
        rows = r.params[f"experts.{name}"][r.ids]
        return self.einsum("thkd,td->thk", rows.astype(np.float32), r.x.astype(np.float32)).astype(r.compute_dtype)


name, profiles, forward, select, gradients = Mutant.as_backend()
