"""gelu_tanh is the exact gelu."""

from _layer import Net

CLAUSE, STAGE = "ACT-1", "activation"


class Mutant(Net):
    def activate(self, kind, a):
        return super().activate("gelu" if kind == "gelu_tanh" else kind, a)


name, profiles, forward, select, gradients = Mutant.parts()
