"""With M = 1, y has no axis of features."""

from dataclasses import replace

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "SHP-1", "structure"


class Mutant(NumpyBackend):
    def answer(self, r, lead):
        out = super().answer(r, lead)
        return replace(out, y=out.y[..., 0]) if r.config.d_out == 1 else out


name, profiles, forward, select, gradients = Mutant.as_backend()
