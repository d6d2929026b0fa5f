"""With n ≥ 350, subnormal half scores of the first half are flushed, and those of the second half are not."""

import numpy as np
from _numpy_backend import NumpyBackend
from _shaped import SelectBite

CLAUSE, STAGE = "SEL-2", "tie"


def subnormal(s1, s2):
    return tuple(np.abs(s) * np.finfo(s.dtype).tiny / 256 for s in (s1, s2))


BITES = SelectBite(360, 8, bits=8, change=subnormal)


class Mutant(NumpyBackend):
    def select(self, s1, s2, k):
        if s1.shape[-1] >= 350:
            s1 = np.where(np.abs(s1) < np.finfo(s1.dtype).tiny, 0, s1).astype(s1.dtype)
        return super().select(s1, s2, k)


name, profiles, forward, select, gradients = Mutant.as_backend()
