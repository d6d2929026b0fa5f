"""y lies in one of two buffers in turn, so the second call after it overwrites it."""

from dataclasses import replace
from itertools import count

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "IND-4", "structure"
CALLS = count()


class Mutant(NumpyBackend):
    def answer(self, r, lead):
        out = super().answer(r, lead)
        buffer = self.buffers.setdefault((out.y.shape, out.y.dtype, next(CALLS) % 2), out.y.copy())
        buffer[...] = out.y
        return replace(out, y=buffer)

    buffers: dict[object, object] = {}  # noqa: RUF012  (shared by all calls)


name, profiles, forward, select, gradients = Mutant.as_backend()
