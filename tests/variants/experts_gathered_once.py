"""Each row that a batch needs is gathered once."""

import numpy as np
from _base import NumpyBackend


class Variant(NumpyBackend):
    def gather_dot(self, r, name):
        unique, at = np.unique(r.ids, return_inverse=True)
        rows = r.params[f"experts.{name}"][unique]
        return self.einsum("thkd,td->thk", rows[at.reshape(r.ids.shape)], r.x)


name, profiles, forward, select, gradients = Variant.as_backend()
