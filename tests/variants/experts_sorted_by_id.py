"""Inner products are computed in the order of ids."""

import numpy as np
from _base import NumpyBackend


class Variant(NumpyBackend):
    def gather_dot(self, r, name):
        flat = r.ids.reshape(-1)
        order = np.argsort(flat, kind="stable")
        token = np.repeat(np.arange(len(r.x)), r.config.heads * r.config.top_k)[order]
        out = np.empty(flat.shape, r.compute_dtype)
        out[order] = self.einsum("pd,pd->p", r.params[f"experts.{name}"][flat[order]], r.x[token])
        return out.reshape(r.ids.shape)


name, profiles, forward, select, gradients = Variant.as_backend()
