"""For a single vector x, outputs have a leading axis of length 1."""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "SHP-1", "structure"


class Mutant(NumpyBackend):
    def answer(self, r, lead):
        return super().answer(r, lead or (1,))


name, profiles, forward, select, gradients = Mutant.as_backend()
