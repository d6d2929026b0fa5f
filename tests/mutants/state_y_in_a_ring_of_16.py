"""y lies in a ring of 16 buffers for each shape, and the 16th call after it overwrites it.

Wrong on: one layer, 17 calls of one shape with different x, as in a step of micro-batches: y of the first call changes.
"""

from collections import Counter
from dataclasses import replace

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "IND-4", "structure"


class Mutant(NumpyBackend):
    calls: Counter[object] = Counter()  # noqa: RUF012  (shared by all calls)
    buffers: dict[object, object] = {}  # noqa: RUF012

    def answer(self, r, lead):
        out = super().answer(r, lead)
        kind = (out.y.shape, out.y.dtype)
        buffer = self.buffers.setdefault((kind, self.calls[kind] % 16), out.y.copy())
        self.calls[kind] += 1
        buffer[...] = out.y
        return replace(out, y=buffer)


name, profiles, forward, select, gradients = Mutant.as_backend()
