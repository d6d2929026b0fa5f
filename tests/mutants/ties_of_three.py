"""Of three equal neighbours the last two change places, as in an unstable network of comparisons."""

import numpy as np
from _layer import Net

CLAUSE, STAGE = "SEL-2", "tie"


class Mutant(Net):
    def choose(self, s1, s2, k):
        scores, ids = super().choose(s1, s2, k)
        if k < 3:
            return scores, ids
        three = (scores[..., -3] == scores[..., -2]) & (scores[..., -2] == scores[..., -1])
        ids[..., -2:] = np.where(three[..., None], ids[..., :-3:-1], ids[..., -2:])
        return scores, ids


name, profiles, forward, select, gradients = Mutant.parts()
