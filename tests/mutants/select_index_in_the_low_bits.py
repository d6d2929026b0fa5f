"""With n ≥ 500, the index of a sub-key takes the low bits of its half score, so that the score loses them."""

import numpy as np
from _numpy_backend import NumpyBackend
from _numpy_functions import selection_among
from _shaped import SelectBite, ranked

from peerspec.reference import Selection

CLAUSE, STAGE = "SEL-2", "tie"
BITES = SelectBite(512, 16, change=lambda s1, s2: (1 + s1 / 4096, 1 + s2 / 4096))


class Mutant(NumpyBackend):
    def select(self, s1, s2, k):
        if s1.shape[-1] < 500 or s1.dtype != np.float32 or (s1 < 0).any() or (s2 < 0).any():
            return super().select(s1, s2, k)
        upper = ((s.view(np.int32) & ~0x3FF).view(np.float32) for s in (s1, s2))
        return Selection(*selection_among(s1, s2, k, *ranked(*upper, k)))


name, profiles, forward, select, gradients = Mutant.as_backend()
