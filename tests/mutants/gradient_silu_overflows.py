"""The derivative of silu squares 1 + exp(−a), which overflows for large negative a."""

import numpy as np
from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "GRD-3", "gradient"


class Mutant(NumpyBackend):
    def activation_derivative(self, kind, a):
        if kind != "silu":
            return super().activation_derivative(kind, a)
        e = np.exp(-a)
        return (1 + e + a * e) / ((1 + e) * (1 + e))


name, profiles, forward, select, gradients = Mutant.as_backend()
