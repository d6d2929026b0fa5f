"""Experts are ranked by the magnitude of their score."""

import numpy as np
from _layer import Net, best, take

CLAUSE, STAGE = "SEL-3", "selection"


class Mutant(Net):
    def choose(self, s1, s2, k):
        total = (s1[..., :, None] + s2[..., None, :]).reshape(*s1.shape[:-1], s1.shape[-1] ** 2)
        ids = best(np.abs(total), k)
        return take(total, ids), ids


name, profiles, forward, select, gradients = Mutant.parts()
