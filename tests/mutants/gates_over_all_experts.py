"""The softmax runs over all N experts before the selection."""

import numpy as np
from _layer import Net

CLAUSE, STAGE = "GAT-1", "gate"


class Mutant(Net):
    def gate(self, r):
        if r.config.gate == "sigmoid":
            return super().gate(r)
        total = r.s1[..., :, None] + r.s2[..., None, :]
        most = total.max((-1, -2), keepdims=True)
        return np.exp(r.scores - most[..., 0]) / np.exp(total - most).sum((-1, -2))[..., None]


name, profiles, forward, select, gradients = Mutant.parts()
