"""The gradient of u in GLU experts uses the derivative of the activation instead of its value."""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "GRD-3", "gradient"


class Mutant(NumpyBackend):
    def weight_derivatives(self, r):
        found = super().weight_derivatives(r)
        if "w" in found:
            found["u"] = self.activation_derivative(r.config.activation, r.products["w"])
        return found


name, profiles, forward, select, gradients = Mutant.as_backend()
