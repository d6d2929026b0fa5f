"""A float64 x is read in memory order."""

from _numpy_backend import NumpyBackend
from _shaped import Bite, in_columns

CLAUSE, STAGE = "SHP-1", "structure"
BITES = Bite(precision="float64", change=in_columns("x"))


class Mutant(NumpyBackend):
    def tokens(self, x, dtype):
        return super().tokens(x.ravel(order="K").reshape(x.shape) if x.itemsize == 8 else x, dtype)


name, profiles, forward, select, gradients = Mutant.as_backend()
