"""The sum over heads is divided by h."""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "OUT-2", "accumulation"


class Mutant(NumpyBackend):
    def output(self, r):
        return super().output(r) / r.config.heads


name, profiles, forward, select, gradients = Mutant.as_backend()
