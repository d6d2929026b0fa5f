"""A mask of two axes is transposed."""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "NRM-4", "query norm"


class Mutant(NumpyBackend):
    def run(self, layer, x, mask, training):
        return super().run(layer, x, mask if mask is None else mask.T, training)


name, profiles, forward, select, gradients = Mutant.as_backend()
