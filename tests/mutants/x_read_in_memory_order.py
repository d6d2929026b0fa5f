"""x is read in memory order, so an array in column order is scrambled."""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "SHP-1", "structure"


class Mutant(NumpyBackend):
    def tokens(self, x, dtype):
        return x.ravel(order="K").reshape(-1, x.shape[-1]).astype(dtype)


name, profiles, forward, select, gradients = Mutant.as_backend()
