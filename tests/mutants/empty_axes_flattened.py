"""For an empty batch, outputs have one leading axis of length 0, whatever the leading axes of x."""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "SHP-1", "structure"


class Mutant(NumpyBackend):
    def answer(self, r, lead):
        return super().answer(r, lead if len(r.x) else (0,))


name, profiles, forward, select, gradients = Mutant.as_backend()
