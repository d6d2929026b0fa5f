"""y is a view of a buffer that the next call of the same shape overwrites."""

from dataclasses import replace

from _layer import Net

CLAUSE, STAGE = "IND-3", "independence"


class Mutant(Net):
    def answer(self, r, lead):
        out = super().answer(r, lead)
        buffer = self.buffers.setdefault((out.y.shape, out.y.dtype), out.y)
        buffer[...] = out.y
        return replace(out, y=buffer)

    buffers: dict[object, object] = {}  # noqa: RUF012  (shared by intention)


name, profiles, forward, select, gradients = Mutant.parts()
