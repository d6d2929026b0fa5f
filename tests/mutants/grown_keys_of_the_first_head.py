"""With keys per head, every head gets the sub-keys of the first one."""

import numpy as np
from _growing import GrowingBackend

CLAUSE, STAGE = "GRW-1", "parameters"


class Mutant(GrowingBackend):
    def keys(self, old, new, array, seed):
        found = super().keys(old, new, array, seed)
        return np.broadcast_to(found[:1], found.shape).copy()


name, profiles, forward, select, gradients, grow = Mutant.as_backend()
