"""dy is rounded to bfloat16."""

from _layer import Net, bfloat16

CLAUSE, STAGE = "PRC-2", "gradient"


class Mutant(Net):
    def gradients(self, layer, x, dy, *, mask=None):
        return super().gradients(layer, x, dy.astype(bfloat16).astype(dy.dtype), mask=mask)


name, profiles, forward, select, gradients = Mutant.parts()
