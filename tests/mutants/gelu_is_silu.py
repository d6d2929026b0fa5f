"""gelu is computed as silu."""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "ACT-1", "activation"


class Mutant(NumpyBackend):
    def activate(self, kind, a):
        return super().activate("silu" if kind == "gelu" else kind, a)


name, profiles, forward, select, gradients = Mutant.as_backend()
