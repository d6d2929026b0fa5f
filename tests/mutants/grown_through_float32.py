"""Growth computes in float32, which rounds the parameters of float64."""

import numpy as np
from _growing import GrowingBackend

CLAUSE, STAGE = "GRW-1", "parameters"


class Mutant(GrowingBackend):
    def kept(self, name, array):
        with np.errstate(over="ignore"):
            return array.astype(np.float32).astype(array.dtype)


name, profiles, forward, select, gradients, grow = Mutant.as_backend()
