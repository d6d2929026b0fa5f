"""The router learns through a softmax over all sub-keys, so those not selected learn too."""

import numpy as np
from _layer import Net

CLAUSE, STAGE = "GRD-2", "gradient"


class Mutant(Net):
    def keys_backward(self, r, dscores):
        dkeys, dq = super().keys_backward(r, dscores)
        for side, row in enumerate(np.divmod(r.ids, r.config.n)):
            rest = np.setdiff1d(np.arange(r.config.n), row)
            dkeys[:, side, rest] = np.float32(1e-3) * (r.config.top_k > 1)
        return dkeys, dq


name, profiles, forward, select, gradients = Mutant.parts()
