"""Heads are added to y one after the other."""

import numpy as np
from _base import NumpyBackend


class Variant(NumpyBackend):
    def output(self, r):
        y = np.zeros((len(r.x), r.config.d_out), r.compute_dtype)
        for head in reversed(range(r.config.heads)):
            rows = r.params["experts.v"][r.ids[:, head]]
            y += np.einsum("tk,tkm->tm", r.gates[:, head] * r.weights[:, head], rows)
        return y


name, profiles, forward, select, gradients = Variant.as_backend()
