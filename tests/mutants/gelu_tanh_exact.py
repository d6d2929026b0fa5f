"""gelu_tanh is computed as the exact gelu."""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "ACT-1", "activation"


class Mutant(NumpyBackend):
    def activate(self, kind, a):
        return super().activate("gelu" if kind == "gelu_tanh" else kind, a)


name, profiles, forward, select, gradients = Mutant.as_backend()
