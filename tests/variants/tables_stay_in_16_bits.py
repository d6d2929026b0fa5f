"""Expert tables stay in the dtype of the parameters; rows become binary32 when they are gathered, and sums too."""

import numpy as np
from _base import NumpyBackend


class Variant(NumpyBackend):
    def rows(self, r, name):
        return r.layer.params[f"experts.{name}"][r.ids].astype(r.compute_dtype)

    def gather_dot(self, r, name):
        return np.einsum("thkd,td->thk", self.rows(r, name), r.x)

    def output(self, r):
        return np.einsum("thk,thkm->tm", r.gates * r.weights, self.rows(r, "v"))

    def dx_experts(self, r, dproducts):
        return sum(np.einsum("thk,thkd->td", de, self.rows(r, name)) for name, de in dproducts.items())


name, profiles, forward, select, gradients = Variant.as_backend()
