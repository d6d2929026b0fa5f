"""For no tokens on several leading axes, gradients are memory that nothing wrote."""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "SHP-1", "gradient"


class Mutant(NumpyBackend):
    def gradients(self, layer, x, dy, *, mask=None, training=True):
        found = super().gradients(layer, x, dy, mask=mask, training=training)
        return {name: array + 1 for name, array in found.items()} if x.ndim > 2 and not x.size else found


name, profiles, forward, select, gradients = Mutant.as_backend()
