"""The last token of an odd batch gets y = 0."""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "OUT-1", "accumulation"


class Mutant(NumpyBackend):
    def output(self, r):
        y = super().output(r)
        if len(y) % 2 and len(y) > 1:
            y[-1] = 0
        return y


name, profiles, forward, select, gradients = Mutant.as_backend()
