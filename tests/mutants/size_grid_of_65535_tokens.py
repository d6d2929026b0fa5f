"""One block computes one token, and blocks beyond the limit of 65,535 never run."""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "OUT-1", "accumulation"


class Mutant(NumpyBackend):
    def output(self, r):
        y = super().output(r)
        y[65535:] = 0
        return y


name, profiles, forward, select, gradients = Mutant.as_backend()
