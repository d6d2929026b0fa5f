"""The derivative of gelu_tanh omits the derivative of the cubic term."""

import math

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "GRD-3", "gradient"


class Mutant(NumpyBackend):
    def activation_derivative(self, kind, a):
        if kind != "gelu_tanh":
            return super().activation_derivative(kind, a)
        t, half = self.gelu_tanh_term(a), a.dtype.type(0.5)
        return half * (1 + t) + half * a * (1 - t * t) * a.dtype.type(math.sqrt(2 / math.pi))


name, profiles, forward, select, gradients = Mutant.as_backend()
