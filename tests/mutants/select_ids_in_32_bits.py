"""Ids are computed in 32-bit integers, and wrap at 2³¹."""

import numpy as np
from _numpy_backend import NumpyBackend
from _shaped import SelectBite

CLAUSE, STAGE = "SEL-2", "tie"
BITES = SelectBite(46400, 4, (2,), change=lambda s1, s2: (np.sort(s1), np.sort(s2)))


class Mutant(NumpyBackend):
    def expert_ids(self, i, j, n):
        return (i.astype(np.int32) * np.int32(n) + j.astype(np.int32)).astype(np.int64)


name, profiles, forward, select, gradients = Mutant.as_backend()
