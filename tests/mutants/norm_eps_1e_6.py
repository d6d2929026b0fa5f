"""ε is 10⁻⁶."""

from _layer import Net

CLAUSE, STAGE = "NRM-1", "query norm"


class Mutant(Net):
    eps = 1e-6


name, profiles, forward, select, gradients = Mutant.parts()
