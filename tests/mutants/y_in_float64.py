"""y is returned in float64 whatever the input dtype."""

from dataclasses import replace

import numpy as np
from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "PRC-6", "structure"


class Mutant(NumpyBackend):
    def answer(self, r, lead):
        out = super().answer(r, lead)
        return replace(out, y=out.y.astype(np.float64))


name, profiles, forward, select, gradients = Mutant.as_backend()
