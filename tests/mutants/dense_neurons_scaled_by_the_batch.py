"""Neurons of a dense layer are divided by the largest one of all tokens, and multiplied by it later."""

import numpy as np
from _comparing import ComparingBackend

CLAUSE, STAGE = "IND-1", "independence"


class Mutant(ComparingBackend):
    def neurons(self, r, tables, x):
        omega = super().neurons(r, tables, x)
        if r.config.kind != "dense" or not omega.size:
            return omega
        largest = np.abs(np.where(np.isfinite(omega), omega, 0)).max() + r.compute_dtype.type(1)
        return omega / largest * largest


name, profiles, forward, comparison, comparison_gradients = Mutant.as_backend()
