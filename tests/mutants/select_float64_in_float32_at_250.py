"""With n ≥ 250, half scores of float64 are ranked in float32."""

import numpy as np
from _numpy_backend import NumpyBackend
from _numpy_functions import selection_among
from _shaped import SelectBite, ranked

from peerspec.reference import Selection

CLAUSE, STAGE = "SEL-2", "tie"
BITES = SelectBite(260, 8, precision="float64", change=lambda s1, s2: (1 + s1 / 2**26, 1 + s2 / 2**26))


class Mutant(NumpyBackend):
    def select(self, s1, s2, k):
        if s1.dtype != np.float64 or s1.shape[-1] < 250:
            return super().select(s1, s2, k)
        return Selection(*selection_among(s1, s2, k, *ranked(*(s.astype(np.float32) for s in (s1, s2)), k)))


name, profiles, forward, select, gradients = Mutant.as_backend()
