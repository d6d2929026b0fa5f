"""Whole blocks of 8 tokens stop one early where no tail follows."""

from _layer import Net

CLAUSE, STAGE = "OUT-1", "accumulation"


class Mutant(Net):
    def output(self, r):
        y = super().output(r)
        if len(y) % 8 == 0:
            y[-8:] = 0
        return y


name, profiles, forward, select, gradients = Mutant.parts()
