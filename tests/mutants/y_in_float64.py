"""y comes back in float64 whatever the format of the input."""

from dataclasses import replace

import numpy as np
from _layer import Net

CLAUSE, STAGE = "PRC-1", "structure"


class Mutant(Net):
    def answer(self, r, lead):
        out = super().answer(r, lead)
        return replace(out, y=out.y.astype(np.float64))


name, profiles, forward, select, gradients = Mutant.parts()
