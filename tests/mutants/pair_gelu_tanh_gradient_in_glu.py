"""In GLU experts, the derivative of gelu_tanh omits the cubic term."""

import math

import numpy as np
from _numpy_backend import NumpyBackend
from _shaped import Bite, sized

CLAUSE, STAGE = "GRD-3", "gradient"
BITES = Bite(sized(expert="glu", activation="gelu_tanh"), gradients=True)


class Mutant(NumpyBackend):
    def weight_derivatives(self, r):
        found = super().weight_derivatives(r)
        if (r.config.expert, r.config.activation) == ("glu", "gelu_tanh"):
            a, one = r.products["w"], r.compute_dtype.type
            t = np.tanh(one(math.sqrt(2 / math.pi)) * a)
            slope = one(0.5) * (1 + t) + one(0.5) * a * (1 - t * t) * one(math.sqrt(2 / math.pi))
            found["w"] = slope * r.products["u"]
        return found


name, profiles, forward, select, gradients = Mutant.as_backend()
