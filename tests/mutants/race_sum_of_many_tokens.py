"""With a thousand tokens and more, every fourth call adds the pairs of the last token in another order."""

from itertools import count

import numpy as np
from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "IND-3", "independence"
CALLS = count(1)


class Mutant(NumpyBackend):
    def output(self, r):
        y = super().output(r)
        if len(y) >= 1000 and next(CALLS) % 4 == 0:
            y[-1] = np.nextafter(y[-1], r.compute_dtype.type(np.inf))
        return y


name, profiles, forward, select, gradients = Mutant.as_backend()
