"""Ids are returned as floating-point numbers."""

from dataclasses import replace

import numpy as np
from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "PRC-3", "structure"


class Mutant(NumpyBackend):
    def answer(self, r, lead):
        out = super().answer(r, lead)
        return replace(out, indices=out.indices.astype(np.float32))


name, profiles, forward, select, gradients = Mutant.as_backend()
