"""Queries are multiplied by 1/√(var + ε)."""

import numpy as np
from _base import NumpyBackend


class Variant(NumpyBackend):
    def query_norm(self, r):
        if r.config.query_norm == "none":
            return super().query_norm(r)
        mean, var, state = self.moments(r, r.config.query_norm)
        root = 1 / np.sqrt(var + r.compute_dtype.type(self.eps))
        r.std, r.unit = 1 / root, (r.raw_query - mean) * root
        return r.unit * r.params["query_norm.scale"] + r.params["query_norm.bias"], state


name, profiles, forward, select, gradients = Variant.as_backend()
