"""The gate multiplies the neurons before v, and in gradients z instead of the neurons."""

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "mutants"))

from _comparing import ComparingBackend


class Variant(ComparingBackend):
    def combined(self, r):
        y = np.zeros((len(r.x), r.config.d_out), r.compute_dtype)
        for e in range(r.chosen.shape[1]):
            at, tables = np.flatnonzero(r.chosen[:, e]), self.tables(r, e)
            y[at] += self.product(r.gate[at, e, None] * self.neurons(r, tables, r.x[at]), tables["v"])
        return y

    def da(self, gate, z, slope):
        return gate * slope * z


name, profiles, forward, comparison, comparison_gradients = Variant.as_backend()
