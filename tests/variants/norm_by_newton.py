"""The root of the variance comes from a coarse reciprocal root and Newton steps."""

import numpy as np
from _base import Net


class Variant(Net):
    def norm(self, r):
        q, state = super().norm(r)
        if r.unit is None:
            return q, state
        square, one = r.spread * r.spread, r.compute_dtype.type
        root = (1 / np.sqrt(square)).astype(np.float16).astype(r.compute_dtype)
        for _ in range(3 if r.compute_dtype == np.float32 else 5):
            root = root * (one(1.5) - one(0.5) * square * root * root)
        mean = r.raw - r.unit * r.spread
        r.unit = (r.raw - mean) * root
        return r.unit * r.params["query_norm.scale"] + r.params["query_norm.bias"], state


name, profiles, forward, select, gradients = Variant.parts()
