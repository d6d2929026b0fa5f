"""A dense layer reads a NaN of a token as 0."""

import numpy as np
from _comparing import ComparingBackend

CLAUSE, STAGE = "NFT-1", "expert"


class Mutant(ComparingBackend):
    def dense(self, r):
        r.x = np.where(np.isnan(r.x), 0, r.x)
        super().dense(r)


name, profiles, forward, comparison, comparison_gradients = Mutant.as_backend()
