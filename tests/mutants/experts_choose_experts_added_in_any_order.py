"""An expert-choice layer adds its experts in another order in each call, as atomic additions do."""

import numpy as np
from _comparing import ComparingBackend

CLAUSE, STAGE = "IND-3", "independence"


class Mutant(ComparingBackend):
    def combined(self, r):
        if r.config.kind != "expert-choice":
            return super().combined(r)
        y = np.zeros((len(r.x), r.config.d_out), r.compute_dtype)
        for e in self.random.permutation(r.config.num_experts):
            at = np.flatnonzero(r.chosen[:, e])
            y[at] += r.gate[at, e, None] * self.block(r, e, r.x[at])
        return y

    random = np.random.default_rng(0)


name, profiles, forward, comparison, comparison_gradients = Mutant.as_backend()
