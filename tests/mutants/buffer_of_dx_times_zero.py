"""dx is added to 0 times an old dx of its shape, in which a NaN stays one."""

import numpy as np
from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "IND-3", "gradient"


class Mutant(NumpyBackend):
    def __init__(self):
        self.old = {}

    def dx_router(self, r, dq):
        dx = super().dx_router(r, dq)
        with np.errstate(all="ignore"):
            dx = dx + 0 * self.old.get(dx.shape, 0)
        self.old[dx.shape] = dx
        return dx


name, profiles, forward, select, gradients = Mutant.as_backend()
