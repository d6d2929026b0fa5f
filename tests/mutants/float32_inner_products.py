"""The inner products of x with the experts are computed in float32, also in float64 layers."""

import numpy as np
from _layer import Net

CLAUSE, STAGE = "PRC-2", "activation"


class Mutant(Net):
    def gather_dot(self, r, name):
        rows = r.params[f"experts.{name}"][r.ids].astype(np.float32)
        return np.einsum("thkd,td->thk", rows, r.x.astype(np.float32)).astype(r.compute_dtype)


name, profiles, forward, select, gradients = Mutant.parts()
