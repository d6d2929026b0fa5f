"""Without a mask, gradients with frozen statistics go through those of the batch."""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "GRD-9", "gradient"


class Mutant(NumpyBackend):
    def gradients(self, layer, x, dy, *, mask=None, training=True):
        return super().gradients(layer, x, dy, mask=mask, training=training or mask is None)


name, profiles, forward, select, gradients = Mutant.as_backend()
