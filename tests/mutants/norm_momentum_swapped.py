"""The new running statistics are 0.1·running + 0.9·batch."""

from _layer import Net

CLAUSE, STAGE = "NRM-3", "query norm"


class Mutant(Net):
    momentum = 0.9


name, profiles, forward, select, gradients = Mutant.parts()
