"""Running statistics start anew in a grown layer."""

import numpy as np
from _growing import GrowingBackend

CLAUSE, STAGE = "GRW-1", "parameters"


class Mutant(GrowingBackend):
    def kept(self, name, array):
        start = {"query_norm.mean": 0, "query_norm.var": 1}
        return np.full_like(array, start[name]) if name in start else array


name, profiles, forward, select, gradients, grow = Mutant.as_backend()
