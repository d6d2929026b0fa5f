"""The derivative of gelu is that of the tanh approximation."""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "GRD-3", "gradient"


class Mutant(NumpyBackend):
    def activation_derivative(self, kind, a):
        return super().activation_derivative("gelu_tanh" if kind == "gelu" else kind, a)


name, profiles, forward, select, gradients = Mutant.as_backend()
