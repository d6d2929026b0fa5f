"""The ε of the query norm is 10⁻⁶ instead of 10⁻⁵."""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "NRM-1", "query norm"


class Mutant(NumpyBackend):
    eps = 1e-6


name, profiles, forward, select, gradients = Mutant.as_backend()
