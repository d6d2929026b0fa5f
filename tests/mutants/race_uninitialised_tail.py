"""Columns of y beyond the 128th are added to what the last call left there."""

import numpy as np
from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "IND-3", "independence"


class Mutant(NumpyBackend):
    def output(self, r):
        y = super().output(r)
        left = self.workspace.get((y.shape, y.dtype), np.zeros_like(y))
        self.workspace[y.shape, y.dtype] = y.copy()
        y[:, 128:] += left[:, 128:]
        return y

    workspace: dict[object, object] = {}  # noqa: RUF012  (shared by all calls)


name, profiles, forward, select, gradients = Mutant.as_backend()
