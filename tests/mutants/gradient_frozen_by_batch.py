"""Gradients are always those of training mode, also where the statistics are frozen."""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "GRD-9", "gradient"


class Mutant(NumpyBackend):
    def gradients(self, layer, x, dy, *, mask=None, training=True):
        return super().gradients(layer, x, dy, mask=mask)


name, profiles, forward, select, gradients = Mutant.as_backend()
