"""y has shape [T, M] whatever the leading axes of x."""

from dataclasses import replace

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "SHP-1", "structure"


class Mutant(NumpyBackend):
    def answer(self, r, lead):
        out = super().answer(r, lead)
        return replace(out, y=out.y.reshape(-1, r.config.d_out))


name, profiles, forward, select, gradients = Mutant.as_backend()
