"""From 300 tokens on, contributions to rows of v are added in an order that changes from call to call."""

from itertools import count

import numpy as np
from _numpy_backend import NumpyBackend
from _shaped import Bite

CLAUSE, STAGE = "IND-3", "gradient"
CALLS = count()
BITES = Bite(lead=(310,), gradients=True)


class Mutant(NumpyBackend):
    def scatter_sum(self, r, name, weights, rows):
        if name != "v" or len(rows) < 300:
            return super().scatter_sum(r, name, weights, rows)
        order = np.random.default_rng(next(CALLS)).permutation(len(rows))
        out = np.zeros(r.params["experts.v"].shape, r.compute_dtype)
        np.add.at(out, r.ids[order], (weights[..., None] * rows[:, None, None, :])[order])
        return out


name, profiles, forward, select, gradients = Mutant.as_backend()
