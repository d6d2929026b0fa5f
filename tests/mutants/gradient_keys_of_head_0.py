"""Shared sub-keys get the gradient of head 0 only."""

import numpy as np
from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "GRD-1", "gradient"


class Mutant(NumpyBackend):
    def keys_backward(self, r, dscores):
        first = dscores * (np.arange(r.config.heads) == 0)[:, None]
        alone = first if r.config.key_heads == 1 else dscores
        return super().keys_backward(r, alone)[0], super().keys_backward(r, dscores)[1]


name, profiles, forward, select, gradients = Mutant.as_backend()
