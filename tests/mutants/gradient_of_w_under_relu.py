"""In GLU experts with relu, the gradient of w passes where u·x > 0, and not where w·x > 0."""

from _numpy_backend import NumpyBackend
from _shaped import Bite, sized

CLAUSE, STAGE = "GRD-3", "gradient"
BITES = Bite(sized(expert="glu"), gradients=True)


class Mutant(NumpyBackend):
    def weight_derivatives(self, r):
        found = super().weight_derivatives(r)
        if (r.config.expert, r.config.activation) == ("glu", "relu"):
            found["w"] = self.activation_derivative("relu", r.products["u"]) * r.products["u"]
        return found


name, profiles, forward, select, gradients = Mutant.as_backend()
