"""y is too large by 0.01."""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "OUT-2", "accumulation"


class Mutant(NumpyBackend):
    def output(self, r):
        return super().output(r) + r.compute_dtype.type(0.01)


name, profiles, forward, select, gradients = Mutant.as_backend()
