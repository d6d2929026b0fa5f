"""The new running statistics are 0.1·running + 0.9·batch."""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "NRM-3", "query norm"


class Mutant(NumpyBackend):
    momentum = 0.9


name, profiles, forward, select, gradients = Mutant.as_backend()
