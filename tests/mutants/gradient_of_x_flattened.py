"""The gradient of x is [T, D] whatever the leading axes of x."""

from _layer import Net

CLAUSE, STAGE = "SHP-1", "gradient"


class Mutant(Net):
    def gradients(self, layer, x, dy, *, mask=None):
        grads = super().gradients(layer, x, dy, mask=mask)
        return grads | {"x": grads["x"].reshape(-1, x.shape[-1])}


name, profiles, forward, select, gradients = Mutant.parts()
