"""Scores and gates are views of buffers that the next call with the same shape overwrites; y is not."""

from dataclasses import replace

from _numpy_backend import NumpyBackend
from _shaped import Bite, sized

CLAUSE, STAGE = "IND-4", "structure"


def other_tokens(case):
    case["x"] = case["x"][::-1].copy()


BITES = Bite(sized(), kept=True, before=Bite(change=other_tokens))


class Mutant(NumpyBackend):
    def answer(self, r, lead):
        out = super().answer(r, lead)
        return replace(out, scores=self.reused("scores", out.scores), gates=self.reused("gates", out.gates))

    def reused(self, name, part):
        buffer = self.buffers.setdefault((name, part.shape, part.dtype), part)
        buffer[...] = part
        return buffer

    buffers: dict[object, object] = {}  # noqa: RUF012  (shared by all calls)


name, profiles, forward, select, gradients = Mutant.as_backend()
