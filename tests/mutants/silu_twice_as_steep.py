"""silu is computed as a·logistic(2a)."""

from _numpy_backend import NumpyBackend
from _numpy_functions import logistic

CLAUSE, STAGE = "ACT-1", "activation"


class Mutant(NumpyBackend):
    def activate(self, kind, a):
        return a * logistic(2 * a) if kind == "silu" else super().activate(kind, a)


name, profiles, forward, select, gradients = Mutant.as_backend()
