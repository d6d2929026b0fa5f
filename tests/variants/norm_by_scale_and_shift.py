"""The norm is q·a + (b − mean·a); at inference it is folded into W and its bias."""

import numpy as np
from _base import Net


class Variant(Net):
    def norm(self, r):
        if r.config.query_norm == "none":
            return super().norm(r)
        mean, var, state = self.moments(r, r.config.query_norm)
        r.spread = np.sqrt(var + r.compute_dtype.type(self.eps))
        r.unit = r.raw / r.spread - mean / r.spread
        scale = r.params["query_norm.scale"] / r.spread
        shift = r.params["query_norm.bias"] - mean * scale
        if r.config.query_norm == "layer" or r.training:
            return r.raw * scale + shift, state
        shift = shift + r.params["query.bias"] * scale if r.config.query_bias else shift
        return np.einsum("hcd,td->thc", r.params["query.weight"] * scale[..., None], r.x) + shift, state


name, profiles, forward, select, gradients = Variant.parts()
