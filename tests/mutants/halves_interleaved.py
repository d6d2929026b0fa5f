"""The halves of the query are its even and its odd entries."""

import numpy as np
from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "QRY-2", "query"


class Mutant(NumpyBackend):
    def half_scores(self, r):
        r.q = np.concatenate([r.q[..., 0::2], r.q[..., 1::2]], -1)
        return super().half_scores(r)


name, profiles, forward, select, gradients = Mutant.as_backend()
