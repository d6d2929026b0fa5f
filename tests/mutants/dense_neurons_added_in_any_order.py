"""A dense layer adds its neurons in another order in each call, as atomic additions do."""

import numpy as np
from _comparing import ComparingBackend

CLAUSE, STAGE = "IND-3", "independence"


class Mutant(ComparingBackend):
    def block(self, r, e, x):
        if r.config.kind != "dense":
            return super().block(r, e, x)
        tables, order = self.tables(r, e), self.random.permutation(r.config.d_hidden)
        omega, y = self.neurons(r, tables, x), np.zeros((len(x), r.config.d_out), x.dtype)
        for neuron in order:
            y += omega[:, neuron, None] * tables["v"][neuron]
        return y

    random = np.random.default_rng(0)


name, profiles, forward, comparison, comparison_gradients = Mutant.as_backend()
