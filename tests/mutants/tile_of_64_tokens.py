"""y is zero for all tokens after the first 64."""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "OUT-1", "accumulation"


class Mutant(NumpyBackend):
    def output(self, r):
        y = super().output(r)
        y[64:] = 0
        return y


name, profiles, forward, select, gradients = Mutant.as_backend()
