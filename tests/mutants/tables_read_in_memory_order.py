"""Tables are read as flat memory, so one in column order is scrambled."""

from _layer import Net

from peerspec.reference import Layer

CLAUSE, STAGE = "PAR-1", "structure"


class Mutant(Net):
    def run(self, layer, x, mask, training):
        flat = {name: array.ravel(order="K").reshape(array.shape) for name, array in layer.params.items()}
        return super().run(Layer(layer.config, flat), x, mask, training)


name, profiles, forward, select, gradients = Mutant.parts()
