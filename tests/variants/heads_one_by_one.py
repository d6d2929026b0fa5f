"""Heads are added to the output one after the other."""

import numpy as np
from _base import Net


class Variant(Net):
    def output(self, r):
        y = np.zeros((len(r.x), r.config.d_out), r.compute_dtype)
        for head in reversed(range(r.config.heads)):
            rows = r.params["experts.v"][r.ids[:, head]]
            y += np.einsum("tk,tkm->tm", r.gates[:, head] * r.weights[:, head], rows)
        return y


name, profiles, forward, select, gradients = Variant.parts()
