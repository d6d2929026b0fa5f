"""dy is read in memory order, so an array in column order is scrambled."""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "SHP-1", "gradient"


class Mutant(NumpyBackend):
    def gradients(self, layer, x, dy, **options):
        return super().gradients(layer, x, dy.ravel(order="K").reshape(dy.shape), **options)


name, profiles, forward, select, gradients = Mutant.as_backend()
