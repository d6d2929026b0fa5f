"""silu is a·logistic(2a)."""

from _layer import Net, logistic

CLAUSE, STAGE = "ACT-1", "activation"


class Mutant(Net):
    def activate(self, kind, a):
        return a * logistic(2 * a) if kind == "silu" else super().activate(kind, a)


name, profiles, forward, select, gradients = Mutant.parts()
