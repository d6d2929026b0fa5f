"""The derivative of gelu is Φ(a) without the term a·φ(a)."""

import math

from _numpy_backend import NumpyBackend
from _numpy_functions import erf

CLAUSE, STAGE = "GRD-3", "gradient"


class Mutant(NumpyBackend):
    def activation_derivative(self, kind, a):
        return (
            0.5 * (1 + erf(a * a.dtype.type(math.sqrt(0.5))))
            if kind == "gelu"
            else super().activation_derivative(kind, a)
        )


name, profiles, forward, select, gradients = Mutant.as_backend()
