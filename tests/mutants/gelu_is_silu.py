"""silu is used where gelu is asked."""

from _layer import Net

CLAUSE, STAGE = "ACT-1", "activation"


class Mutant(Net):
    def activate(self, kind, a):
        return super().activate("silu" if kind == "gelu" else kind, a)


name, profiles, forward, select, gradients = Mutant.parts()
