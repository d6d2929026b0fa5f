"""Tokens are served in pairs and the last of an odd batch is forgotten."""

from _layer import Net

CLAUSE, STAGE = "OUT-1", "accumulation"


class Mutant(Net):
    def output(self, r):
        y = super().output(r)
        if len(y) % 2 and len(y) > 1:
            y[-1] = 0
        return y


name, profiles, forward, select, gradients = Mutant.parts()
