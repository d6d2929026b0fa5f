"""Batches are padded to 16 tokens in a workspace, and what a longer batch left there counts in the batch statistics."""

import numpy as np
from _numpy_backend import NumpyBackend
from _shaped import Bite, sized

CLAUSE, STAGE = "NRM-2", "query norm"
NORM = sized(query_norm="batch")
BITES = Bite(NORM, (5,), training=True, before=Bite(NORM, (9,), training=True))


class Mutant(NumpyBackend):
    def batch_moments(self, r, counted):
        left = self.workspace.get((r.config, counted.dtype), counted)[len(counted) :]
        seen = np.concatenate([counted, left]) if len(counted) <= 16 else counted
        self.workspace[r.config, counted.dtype] = seen[:16]
        return super().batch_moments(r, seen)

    workspace: dict[object, object] = {}  # noqa: RUF012  (shared by all calls)


name, profiles, forward, select, gradients = Mutant.as_backend()
