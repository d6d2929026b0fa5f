"""y of a thousand tokens and more lies in one buffer that grows and is never given away."""

from dataclasses import replace

import numpy as np
from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "IND-4", "independence"


class Mutant(NumpyBackend):
    buffer = np.zeros(0, np.uint8)

    def answer(self, r, lead):
        out = super().answer(r, lead)
        if len(r.x) < 1000:
            return out
        if self.buffer.nbytes < out.y.nbytes:
            Mutant.buffer = np.zeros(out.y.nbytes, np.uint8)
        y = self.buffer[: out.y.nbytes].view(out.y.dtype).reshape(out.y.shape)
        y[...] = out.y
        return replace(out, y=y)


name, profiles, forward, select, gradients = Mutant.as_backend()
