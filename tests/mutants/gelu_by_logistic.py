"""gelu is a·logistic(1.702 a)."""

from _layer import Net, logistic

CLAUSE, STAGE = "ACT-1", "activation"


class Mutant(Net):
    def activate(self, kind, a):
        return a * logistic(a.dtype.type(1.702) * a) if kind == "gelu" else super().activate(kind, a)


name, profiles, forward, select, gradients = Mutant.parts()
