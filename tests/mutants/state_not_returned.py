"""Training keeps the updated statistics to itself."""

from _layer import Net

CLAUSE, STAGE = "NRM-3", "structure"


class Mutant(Net):
    def moved(self, r, mean, var):
        return None


name, profiles, forward, select, gradients = Mutant.parts()
