"""A constant is added to the output."""

from _layer import Net

CLAUSE, STAGE = "OUT-2", "accumulation"


class Mutant(Net):
    def output(self, r):
        return super().output(r) + r.compute_dtype.type(0.01)


name, profiles, forward, select, gradients = Mutant.parts()
