"""The order in which contributions to a row are added changes from call to call."""

from itertools import count

import numpy as np
from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "IND-3", "gradient"
CALLS = count()


class Mutant(NumpyBackend):
    def scatter_sum(self, r, name, weights, rows):
        order = np.random.default_rng(next(CALLS)).permutation(len(rows))
        out = np.zeros(r.params[f"experts.{name}"].shape, r.compute_dtype)
        np.add.at(out, r.ids[order], (weights[..., None] * rows[:, None, None, :])[order])
        return out


name, profiles, forward, select, gradients = Mutant.as_backend()
