"""The order of the sum over pairs changes from call to call."""

import numpy as np
from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "IND-3", "independence"


class Mutant(NumpyBackend):
    def output(self, r):
        order = self.random.permutation(r.ids.shape[-1])
        r.gates, r.weights, r.ids = (part[..., order] for part in (r.gates, r.weights, r.ids))
        y = np.zeros((len(r.x), r.config.d_out), r.compute_dtype)
        for head in self.random.permutation(r.config.heads):
            for k in range(len(order)):
                rows = r.params["experts.v"][r.ids[:, head, k]]
                y += (r.gates[:, head, k] * r.weights[:, head, k])[:, None] * rows
        back = order.argsort()
        r.gates, r.weights, r.ids = (part[..., back] for part in (r.gates, r.weights, r.ids))
        return y

    random = np.random.default_rng(0)


name, profiles, forward, select, gradients = Mutant.as_backend()
