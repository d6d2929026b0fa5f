"""With k = 1 the gate is 1, also where it is a sigmoid."""

import numpy as np
from _layer import Net

CLAUSE, STAGE = "GAT-3", "gate"


class Mutant(Net):
    def gate(self, r):
        return np.ones_like(r.scores) if r.config.top_k == 1 else super().gate(r)


name, profiles, forward, select, gradients = Mutant.parts()
