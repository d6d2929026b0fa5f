"""The second half of the query meets the first sub-keys."""

import numpy as np
from _layer import Net

CLAUSE, STAGE = "QRY-2", "query"


class Mutant(Net):
    def half_scores(self, r):
        r.q = np.roll(r.q, r.config.d_key // 2, -1)
        return super().half_scores(r)


name, profiles, forward, select, gradients = Mutant.parts()
