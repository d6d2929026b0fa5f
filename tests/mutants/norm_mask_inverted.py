"""The mask is True where a token is padding."""

from _layer import Net

CLAUSE, STAGE = "NRM-4", "query norm"


class Mutant(Net):
    def run(self, layer, x, mask, training):
        return super().run(layer, x, mask if mask is None else ~mask, training)


name, profiles, forward, select, gradients = Mutant.parts()
