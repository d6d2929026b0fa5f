"""All axes of length 1 are removed from y."""

from dataclasses import replace

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "SHP-1", "structure"


class Mutant(NumpyBackend):
    def answer(self, r, lead):
        out = super().answer(r, lead)
        return replace(out, y=out.y.squeeze())


name, profiles, forward, select, gradients = Mutant.as_backend()
