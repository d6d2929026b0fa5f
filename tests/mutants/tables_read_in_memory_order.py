"""Parameters are read in memory order, so arrays in column order are scrambled."""

from _numpy_backend import NumpyBackend

from peerspec.reference import Layer

CLAUSE, STAGE = "PAR-1", "structure"


class Mutant(NumpyBackend):
    def run(self, layer, x, mask, training):
        flat = {name: array.ravel(order="K").reshape(array.shape) for name, array in layer.params.items()}
        return super().run(Layer(layer.config, flat), x, mask, training)


name, profiles, forward, select, gradients = Mutant.as_backend()
