"""The gradient of x is missing."""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "GRD-1", "gradient"


class Mutant(NumpyBackend):
    def gradients(self, layer, x, dy, **options):
        grads = super().gradients(layer, x, dy, **options)
        del grads["x"]
        return grads


name, profiles, forward, select, gradients = Mutant.as_backend()
