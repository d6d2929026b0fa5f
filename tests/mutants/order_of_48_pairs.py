"""From 48 pairs on, two halves of the sum meet in an order that changes from call to call."""

import numpy as np
from _numpy_backend import NumpyBackend
from _shaped import Bite, sized

CLAUSE, STAGE = "IND-3", "independence"
BITES = Bite(sized(heads=4, top_k=12, num_experts=13**2), (40,))


class Mutant(NumpyBackend):
    def output(self, r):
        c = r.config
        if c.heads * c.top_k < 48:
            return super().output(r)
        terms = (r.gates * r.weights)[..., None] * r.params["experts.v"][r.ids]
        terms = terms.reshape(len(r.x), -1, c.d_out)
        y = np.zeros((len(r.x), c.d_out), r.compute_dtype)
        for pair in self.random.permutation(terms.shape[1]):
            y += terms[:, pair]
        return y

    random = np.random.default_rng(0)


name, profiles, forward, select, gradients = Mutant.as_backend()
