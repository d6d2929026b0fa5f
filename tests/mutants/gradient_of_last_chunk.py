"""Tokens go through in chunks of 64 and the gradient of u is that of the last chunk."""

import numpy as np
from _layer import Net

CLAUSE, STAGE = "GRD-3", "gradient"


class Mutant(Net):
    def scatter_sum(self, r, name, weights, rows):
        if name == "u" and len(rows) > 64:
            weights = weights * (np.arange(len(rows)) >= (len(rows) - 1) // 64 * 64)[:, None, None]
        return super().scatter_sum(r, name, weights, rows)


name, profiles, forward, select, gradients = Mutant.parts()
