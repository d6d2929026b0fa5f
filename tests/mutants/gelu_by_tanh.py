"""gelu is the tanh approximation."""

from _layer import Net

CLAUSE, STAGE = "ACT-1", "activation"


class Mutant(Net):
    def activate(self, kind, a):
        return super().activate("gelu_tanh" if kind == "gelu" else kind, a)


name, profiles, forward, select, gradients = Mutant.parts()
