"""Expert (i, j) is called i + j."""

from _layer import Net

CLAUSE, STAGE = "IDX-1", "score"


class Mutant(Net):
    def number(self, i, j, n):
        return i + j


name, profiles, forward, select, gradients = Mutant.parts()
