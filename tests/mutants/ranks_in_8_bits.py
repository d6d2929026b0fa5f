"""Sub-keys are numbered with 8 bits and wrap at 256."""

from _layer import Net

CLAUSE, STAGE = "SEL-5", "structure"


class Mutant(Net):
    def number(self, i, j, n):
        return super().number(i % 256, j % 256, n)


name, profiles, forward, select, gradients = Mutant.parts()
