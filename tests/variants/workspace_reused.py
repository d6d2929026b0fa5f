"""Products with experts are written into one workspace that grows, is used by every call, and is read after a write."""

import numpy as np
from _base import NumpyBackend


class Variant(NumpyBackend):
    def __init__(self):
        self.workspace = np.full(1, np.nan).view(np.uint8)

    def room(self, shape, dtype):
        size = int(np.prod(shape)) * np.dtype(dtype).itemsize
        if size > self.workspace.size:
            self.workspace = np.full(-(-size // 8) * 2, np.nan).view(np.uint8)
        return self.workspace[:size].view(dtype).reshape(shape)

    def gather_dot(self, r, name):
        rows = self.room((*r.ids.shape, r.config.d_model), r.compute_dtype)
        np.take(r.params[f"experts.{name}"], r.ids, axis=0, out=rows, mode="clip")
        return np.einsum("thkd,td->thk", rows, r.x)

    def output(self, r):
        rows = self.room((*r.ids.shape, r.config.d_out), r.compute_dtype)
        np.take(r.params["experts.v"], r.ids, axis=0, out=rows, mode="clip")
        rows *= (r.gates * r.weights)[..., None]
        return rows.sum((1, 2))


name, profiles, forward, select, gradients = Variant.as_backend()
