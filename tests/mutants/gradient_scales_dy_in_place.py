"""dy is multiplied in place."""

from _layer import Net

CLAUSE, STAGE = "IND-2", "gradient"


class Mutant(Net):
    def gradients(self, layer, x, dy, **options):
        grads = super().gradients(layer, x, dy, **options)
        dy *= dy.dtype.type(2)
        return grads


name, profiles, forward, select, gradients = Mutant.parts()
