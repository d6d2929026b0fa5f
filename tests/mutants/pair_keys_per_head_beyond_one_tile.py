"""With keys per head and n ≥ 32, tokens after the first tile of 16 use the sub-keys of the next head: a pointer moved
on.

Wrong on: h = 4 with keys per head, n = 32, T = 24: tokens from 16 on.
"""

import numpy as np
from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "SCO-3", "score"


class Mutant(NumpyBackend):
    def half_scores(self, r):
        found, c = super().half_scores(r), r.config
        if c.key_heads == 1 or c.n < 32 or len(r.x) <= 16:
            return found
        keys, half = np.roll(self.keys(r), -1, 0), c.d_key // 2
        for side, scores in enumerate(found):
            q = r.q[16:, :, side * half : (side + 1) * half]
            scores[16:] = self.einsum("thc,hnc->thn", q, keys[:, side])
        return found


name, profiles, forward, select, gradients = Mutant.as_backend()
