"""From 32 tokens on, x is read in memory order."""

from _numpy_backend import NumpyBackend
from _shaped import Bite, in_columns

CLAUSE, STAGE = "SHP-1", "structure"
BITES = Bite(lead=(40,), change=in_columns("x"))


class Mutant(NumpyBackend):
    def tokens(self, x, dtype):
        if x.size // x.shape[-1] >= 32:
            x = x.ravel(order="K").reshape(x.shape)
        return super().tokens(x, dtype)


name, profiles, forward, select, gradients = Mutant.as_backend()
