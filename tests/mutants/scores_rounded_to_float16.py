"""Scores are rounded to float16."""

import numpy as np
from _layer import Net

from peerspec.reference import Selection

CLAUSE, STAGE = "PRC-2", "score"


class Mutant(Net):
    def choose(self, s1, s2, k):
        scores, ids = super().choose(s1, s2, k)
        return scores.astype(np.float16).astype(s1.dtype), ids

    def select(self, s1, s2, k):
        return Selection(*super().choose(s1, s2, k))


name, profiles, forward, select, gradients = Mutant.parts()
