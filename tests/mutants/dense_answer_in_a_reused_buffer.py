"""A dense layer writes each answer of one shape into the same buffer."""

from typing import ClassVar

import numpy as np
from _comparing import ComparingBackend

CLAUSE, STAGE = "IND-4", "structure"


class Mutant(ComparingBackend):
    def answered(self, r, lead):
        found = super().answered(r, lead)
        if r.config.kind == "dense":
            key = (found["y"].shape, found["y"].dtype)
            buffer = self.buffers.setdefault(key, np.empty(*key))
            buffer[...] = found["y"]
            found["y"] = buffer
        return found

    buffers: ClassVar = {}


name, profiles, forward, comparison, comparison_gradients = Mutant.as_backend()
