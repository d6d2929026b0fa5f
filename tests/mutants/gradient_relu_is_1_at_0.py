"""The derivative of relu at 0 is 1."""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "GRD-6", "gradient"


class Mutant(NumpyBackend):
    def activation_derivative(self, kind, a):
        return (a >= 0).astype(a.dtype) if kind == "relu" else super().activation_derivative(kind, a)


name, profiles, forward, select, gradients = Mutant.as_backend()
