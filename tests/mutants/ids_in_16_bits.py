"""Ids are computed in 16-bit integers and wrap at 32768."""

import numpy as np
from _layer import Net

CLAUSE, STAGE = "SEL-5", "structure"


class Mutant(Net):
    def number(self, i, j, n):
        return super().number(i.astype(np.int16), j.astype(np.int16), np.int16(n)).astype(np.int64)


name, profiles, forward, select, gradients = Mutant.parts()
