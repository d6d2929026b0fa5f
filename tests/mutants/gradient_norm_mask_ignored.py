"""The gradient of batch statistics also goes to masked tokens."""

import numpy as np
from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "GRD-7", "gradient"


class Mutant(NumpyBackend):
    def norm_backward(self, r, dq, grads):
        mask, r.mask = r.mask, np.ones_like(r.mask)
        through, r.mask = super().norm_backward(r, dq, grads), mask
        return through


name, profiles, forward, select, gradients = Mutant.as_backend()
