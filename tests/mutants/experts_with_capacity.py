"""An expert processes at most two pairs of a batch, and further pairs are dropped."""

import numpy as np
from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "IND-1", "independence"


class Mutant(NumpyBackend):
    def output(self, r):
        flat = r.ids.reshape(-1)
        order = np.argsort(flat, kind="stable")
        first = np.searchsorted(flat[order], flat[order])
        position = np.empty_like(order)
        position[order] = np.arange(len(flat)) - first
        r.weights = r.weights * (position < 2).reshape(r.ids.shape)
        return super().output(r)


name, profiles, forward, select, gradients = Mutant.as_backend()
