"""The old rows are added to zeros: −0 + 0 is +0."""

import numpy as np
from _growing import GrowingBackend

CLAUSE, STAGE = "GRW-1", "parameters"


class Mutant(GrowingBackend):
    def kept(self, name, array):
        return array + np.zeros((), array.dtype)


name, profiles, forward, select, gradients, grow = Mutant.as_backend()
