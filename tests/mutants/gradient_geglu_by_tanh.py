"""The derivative of gelu in GLU experts is that of the tanh approximation."""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "GRD-3", "gradient"


class Mutant(NumpyBackend):
    def activation_derivative(self, kind, a):
        return super().activation_derivative("gelu_tanh" if kind == "gelu" and self.glu else kind, a)

    def weight_derivatives(self, r):
        self.glu = r.config.expert == "glu"
        return super().weight_derivatives(r)


name, profiles, forward, select, gradients = Mutant.as_backend()
