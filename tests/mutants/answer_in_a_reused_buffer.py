"""y is a view of a buffer that the next call with the same shape overwrites."""

from dataclasses import replace

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "IND-4", "structure"


class Mutant(NumpyBackend):
    def answer(self, r, lead):
        out = super().answer(r, lead)
        buffer = self.buffers.setdefault((out.y.shape, out.y.dtype), out.y)
        buffer[...] = out.y
        return replace(out, y=buffer)

    buffers: dict[object, object] = {}  # noqa: RUF012  (shared by all calls)


name, profiles, forward, select, gradients = Mutant.as_backend()
