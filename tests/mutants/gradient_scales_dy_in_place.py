"""dy is multiplied by 2 in place."""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "IND-2", "gradient"


class Mutant(NumpyBackend):
    def gradients(self, layer, x, dy, **options):
        grads = super().gradients(layer, x, dy, **options)
        dy *= dy.dtype.type(2)
        return grads


name, profiles, forward, select, gradients = Mutant.as_backend()
