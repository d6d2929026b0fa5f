"""erf has an error of 4·10⁻⁶."""

import numpy as np
from _numpy_backend import NumpyBackend
from _numpy_functions import erf

CLAUSE, STAGE = "ACT-1", "activation"


class Mutant(NumpyBackend):
    def activate(self, kind, a):
        if kind != "gelu":
            return super().activate(kind, a)
        half = a.dtype.type(0.5)
        return half * a * (1 + erf(a * a.dtype.type(np.sqrt(0.5))) + a.dtype.type(4e-6))


name, profiles, forward, select, gradients = Mutant.as_backend()
