"""A product-key memory adds its rows in another order in each call, as atomic additions do."""

import numpy as np
from _comparing import ComparingBackend

CLAUSE, STAGE = "IND-3", "independence"


class Mutant(ComparingBackend):
    def recalled(self, r):
        pairs = (len(r.x), r.config.heads * r.config.top_k)
        gates, rows = r.gates.reshape(pairs), r.params["values"][r.ids.reshape(pairs)]
        y = np.zeros((len(r.x), r.config.d_out), r.compute_dtype)
        for pair in self.random.permutation(pairs[1]):
            y += gates[:, pair, None] * rows[:, pair]
        return y

    random = np.random.default_rng(0)


name, profiles, forward, comparison, comparison_gradients = Mutant.as_backend()
