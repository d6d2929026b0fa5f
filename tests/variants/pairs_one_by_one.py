"""The expert stage is a loop over pairs."""

import numpy as np
from _base import NumpyBackend


class Variant(NumpyBackend):
    def output(self, r):
        y = np.zeros((len(r.x), r.config.d_out), r.compute_dtype)
        for t, h, k in np.ndindex(r.ids.shape):
            y[t] += r.gates[t, h, k] * r.weights[t, h, k] * r.params["experts.v"][r.ids[t, h, k]]
        return y

    def gather_dot(self, r, name):
        out = np.zeros(r.ids.shape, r.compute_dtype)
        for t, h, k in np.ndindex(r.ids.shape):
            out[t, h, k] = np.dot(r.params[f"experts.{name}"][r.ids[t, h, k]], r.x[t])
        return out


name, profiles, forward, select, gradients = Variant.as_backend()
