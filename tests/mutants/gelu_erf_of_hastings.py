"""erf is formula 7.1.25 of Abramowitz and Stegun, with an error of 2.5·10⁻⁵."""

import numpy as np
from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "ACT-1", "activation"


class Mutant(NumpyBackend):
    def activate(self, kind, a):
        if kind != "gelu":
            return super().activate(kind, a)
        z = np.abs(a) * a.dtype.type(np.sqrt(0.5))
        t = 1 / (1 + a.dtype.type(0.47047) * z)
        e = 1 - t * (0.3480242 + t * (-0.0958798 + t * 0.7478556)) * np.exp(-z * z)
        return (0.5 * a * (1 + np.copysign(e, a))).astype(a.dtype)


name, profiles, forward, select, gradients = Mutant.as_backend()
