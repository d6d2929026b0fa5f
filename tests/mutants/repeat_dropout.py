"""Dropout stays on at inference: a tenth of the gates is dropped at random."""

import numpy as np
from _layer import Net

CLAUSE, STAGE = "IND-3", "independence"


class Mutant(Net):
    def gate(self, r):
        gates = super().gate(r)
        kept = self.random.random(gates.shape) >= 0.1
        return gates * kept.astype(r.compute_dtype)

    random = np.random.default_rng(0)


name, profiles, forward, select, gradients = Mutant.parts()
