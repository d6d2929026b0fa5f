"""The gradient of x has shape [T, D] whatever the leading axes of x."""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "SHP-1", "gradient"


class Mutant(NumpyBackend):
    def gradients(self, layer, x, dy, **options):
        grads = super().gradients(layer, x, dy, **options)
        return grads | {"x": grads["x"].reshape(-1, x.shape[-1])}


name, profiles, forward, select, gradients = Mutant.as_backend()
