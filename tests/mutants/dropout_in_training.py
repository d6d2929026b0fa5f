"""A fixed dropout mask thins the gates in training."""

import numpy as np
from _layer import Net

CLAUSE, STAGE = "GAT-1", "gate"


class Mutant(Net):
    def gate(self, r):
        gates = super().gate(r)
        keep = np.random.default_rng(0).random(gates.shape) < 0.9
        return gates * keep if r.training else gates


name, profiles, forward, select, gradients = Mutant.parts()
