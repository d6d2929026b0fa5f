"""Ids are computed in 16-bit integers and wrap at 32768."""

import numpy as np
from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "SEL-7", "structure"


class Mutant(NumpyBackend):
    def expert_ids(self, i, j, n):
        return super().expert_ids(i.astype(np.int16), j.astype(np.int16), np.int16(n)).astype(np.int64)


name, profiles, forward, select, gradients = Mutant.as_backend()
