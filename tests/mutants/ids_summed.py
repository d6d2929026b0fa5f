"""Expert (i, j) is called i + j."""

from _layer import Net

CLAUSE, STAGE = "SEL-5", "structure"


class Mutant(Net):
    def number(self, i, j, n):
        return i + j


name, profiles, forward, select, gradients = Mutant.parts()
