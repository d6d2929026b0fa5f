"""tanh, the logistic function and the derivative of silu are computed from exp."""

import numpy as np
from _base import NumpyBackend


def complement(a):
    """1 − logistic(−a); exp may overflow to infinity, and the result is still finite."""
    return 1 - 1 / (1 + np.exp(a))


class Variant(NumpyBackend):
    def gates(self, r):
        return complement(r.scores) if r.config.gate == "sigmoid" else self.softmax(r.scores)

    def activate(self, kind, a):
        if kind == "silu":
            return a * complement(a)
        return super().activate(kind, a)

    def activation_derivative(self, kind, a):
        if kind == "silu":
            return complement(a) + a * complement(a) * complement(-a)
        return super().activation_derivative(kind, a)

    def gelu_tanh_term(self, a):
        z = a * (1 + a.dtype.type(0.044715) * a * a) * a.dtype.type(np.sqrt(2 / np.pi))
        small = np.exp(-2 * np.abs(z))
        return np.copysign((1 - small) / (1 + small), a)


name, profiles, forward, select, gradients = Variant.as_backend()
