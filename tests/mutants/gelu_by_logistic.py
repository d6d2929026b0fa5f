"""gelu is computed as a·logistic(1.702 a)."""

from _numpy_backend import NumpyBackend
from _numpy_functions import logistic

CLAUSE, STAGE = "ACT-1", "activation"


class Mutant(NumpyBackend):
    def activate(self, kind, a):
        return a * logistic(a.dtype.type(1.702) * a) if kind == "gelu" else super().activate(kind, a)


name, profiles, forward, select, gradients = Mutant.as_backend()
