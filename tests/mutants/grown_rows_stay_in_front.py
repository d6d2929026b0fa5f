"""The old rows stay the first N rows of a grown table, where they belong to other pairs of sub-keys."""

import numpy as np
from _growing import GrowingBackend

CLAUSE, STAGE = "GRW-1", "parameters"


class Mutant(GrowingBackend):
    def table(self, name, old, new, array, seed):
        found = super().table(name, old, new, array, seed)
        ids = (np.arange(old.n)[:, None] * new.n + np.arange(old.n)).reshape(-1)
        added = np.delete(found, ids, 0)
        return np.concatenate([array, added])


name, profiles, forward, select, gradients, grow = Mutant.as_backend()
