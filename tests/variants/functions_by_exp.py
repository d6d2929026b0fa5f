"""tanh is made from exp, the logistic function from its complement, and slopes from both halves of it."""

import numpy as np
from _base import Net


def complement(a):
    """1 − logistic(−a), where exp may overflow to infinity and nothing worse."""
    return 1 - 1 / (1 + np.exp(a))


class Variant(Net):
    def gate(self, r):
        return complement(r.scores) if r.config.gate == "sigmoid" else self.softmax(r.scores)

    def activate(self, kind, a):
        if kind == "silu":
            return a * complement(a)
        return super().activate(kind, a)

    def slope(self, kind, a):
        if kind == "silu":
            return complement(a) + a * complement(a) * complement(-a)
        return super().slope(kind, a)

    def tanh_inner(self, a):
        z = a * (1 + a.dtype.type(0.044715) * a * a) * a.dtype.type(np.sqrt(2 / np.pi))
        small = np.exp(-2 * np.abs(z))
        return np.copysign((1 - small) / (1 + small), a)


name, profiles, forward, select, gradients = Variant.parts()
