"""If T is a multiple of 8, y is zero for the last 8 tokens."""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "OUT-1", "accumulation"


class Mutant(NumpyBackend):
    def output(self, r):
        y = super().output(r)
        if len(y) % 8 == 0:
            y[-8:] = 0
        return y


name, profiles, forward, select, gradients = Mutant.as_backend()
