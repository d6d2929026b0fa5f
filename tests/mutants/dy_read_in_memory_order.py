"""dy is read in memory order, so an array in column order is scrambled."""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "SHP-1", "gradient"


class Mutant(NumpyBackend):
    def gradients(self, layer, x, dy, *, mask=None):
        return super().gradients(layer, x, dy.ravel(order="K").reshape(dy.shape), mask=mask)


name, profiles, forward, select, gradients = Mutant.as_backend()
