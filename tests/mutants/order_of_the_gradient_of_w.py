"""From 32 tokens on, the tokens add to rows of w in the order in which their blocks end, which changes from call to
call.

Wrong on: GLU, T = 64, the same gradients twice: other bits.
"""

from itertools import count

import numpy as np
from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "IND-3", "gradient"


CALLS = count()


class Mutant(NumpyBackend):
    def scatter_sum(self, r, name, weights, rows):
        if name != "w" or len(rows) < 32:
            return super().scatter_sum(r, name, weights, rows)
        ids, order = r.ids, np.random.default_rng(next(CALLS)).permutation(len(rows))
        r.ids = ids[order]
        found = super().scatter_sum(r, name, weights[order], rows[order])
        r.ids = ids
        return found


name, profiles, forward, select, gradients = Mutant.as_backend()
