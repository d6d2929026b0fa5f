"""The norm is computed as q·a + (b − mean·a), and at inference it is folded into W and its bias."""

import numpy as np
from _base import NumpyBackend


class Variant(NumpyBackend):
    def query_norm(self, r):
        if r.config.query_norm == "none":
            return super().query_norm(r)
        mean, var, state = self.moments(r, r.config.query_norm)
        r.std = np.sqrt(var + r.compute_dtype.type(self.eps))
        r.unit = r.raw_query / r.std - mean / r.std
        scale = r.params["query_norm.scale"] / r.std
        shift = r.params["query_norm.bias"] - mean * scale
        if r.config.query_norm == "layer" or r.training:
            return r.raw_query * scale + shift, state
        shift = shift + r.params["query.bias"] * scale if r.config.query_bias else shift
        return np.einsum("hcd,td->thc", r.params["query.weight"] * scale[..., None], r.x) + shift, state


name, profiles, forward, select, gradients = Variant.as_backend()
