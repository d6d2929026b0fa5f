"""Halves are the even and the odd entries of the query."""

import numpy as np
from _layer import Net

CLAUSE, STAGE = "QRY-2", "query"


class Mutant(Net):
    def half_scores(self, r):
        r.q = np.concatenate([r.q[..., 0::2], r.q[..., 1::2]], -1)
        return super().half_scores(r)


name, profiles, forward, select, gradients = Mutant.parts()
