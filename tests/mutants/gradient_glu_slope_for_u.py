"""The gradient of u in a GLU uses the slope of the activation."""

from _layer import Net

CLAUSE, STAGE = "GRD-3", "gradient"


class Mutant(Net):
    def slopes(self, r):
        found = super().slopes(r)
        if "w" in found:
            found["u"] = self.slope(r.config.activation, r.inner["w"])
        return found


name, profiles, forward, select, gradients = Mutant.parts()
