"""There is no gradient of x."""

from _layer import Net

CLAUSE, STAGE = "GRD-1", "gradient"


class Mutant(Net):
    def gradients(self, layer, x, dy, **options):
        grads = super().gradients(layer, x, dy, **options)
        del grads["x"]
        return grads


name, profiles, forward, select, gradients = Mutant.parts()
