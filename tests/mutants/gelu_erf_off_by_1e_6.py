"""erf is off by 10⁻⁶, a table too short."""

import numpy as np
from _layer import Net, erf

CLAUSE, STAGE = "ACT-1", "activation"


class Mutant(Net):
    def activate(self, kind, a):
        if kind != "gelu":
            return super().activate(kind, a)
        half = a.dtype.type(0.5)
        return half * a * (1 + erf(a * a.dtype.type(np.sqrt(0.5))) + a.dtype.type(4e-6))


name, profiles, forward, select, gradients = Mutant.parts()
