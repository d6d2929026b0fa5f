"""For |a| > 4, the derivative of gelu is 0 or 1."""

import numpy as np
from _numpy_backend import NumpyBackend
from _shaped import Bite, sized

CLAUSE, STAGE = "GRD-3", "gradient"


def far_products(case):
    case["experts.u"] *= 2


BITES = Bite(sized(activation="gelu"), (40,), gradients=True, change=far_products)


class Mutant(NumpyBackend):
    def activation_derivative(self, kind, a):
        slope = super().activation_derivative(kind, a)
        return np.where(np.abs(a) > 4, (a > 0).astype(a.dtype), slope) if kind == "gelu" else slope


name, profiles, forward, select, gradients = Mutant.as_backend()
