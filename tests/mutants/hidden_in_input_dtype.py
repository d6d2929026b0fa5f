"""Activations are rounded to the format of the input."""

from _layer import Net

CLAUSE, STAGE = "PRC-2", "activation"


class Mutant(Net):
    def activate(self, kind, a):
        return super().activate(kind, a).astype(self.format).astype(a.dtype)

    def run(self, layer, x, mask, training):
        self.format = layer.dtype
        return super().run(layer, x, mask, training)


name, profiles, forward, select, gradients = Mutant.parts()
