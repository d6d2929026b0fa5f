"""Rows of x that lie in memory from the last to the first are read from the first."""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "SHP-1", "structure"


class Mutant(NumpyBackend):
    def tokens(self, x, dtype):
        rising = tuple(slice(None, None, -1 if stride < 0 else 1) for stride in x.strides)
        return super().tokens(x[rising], dtype)


name, profiles, forward, select, gradients = Mutant.as_backend()
