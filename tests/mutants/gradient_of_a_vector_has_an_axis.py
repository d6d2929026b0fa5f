"""The gradient of a single vector x is [1, D]."""

from _layer import Net

CLAUSE, STAGE = "SHP-1", "gradient"


class Mutant(Net):
    def gradients(self, layer, x, dy, *, mask=None):
        grads = super().gradients(layer, x, dy, mask=mask)
        return grads | {"x": grads["x"].reshape(-1, x.shape[-1])} if x.ndim == 1 else grads


name, profiles, forward, select, gradients = Mutant.parts()
