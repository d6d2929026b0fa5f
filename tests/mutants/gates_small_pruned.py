"""Gates below 10⁻³ are set to zero."""

import numpy as np
from _layer import Net

CLAUSE, STAGE = "GAT-1", "gate"


class Mutant(Net):
    def softmax(self, scores):
        gates = super().softmax(scores)
        return np.where(gates < 1e-3, 0, gates).astype(gates.dtype)


name, profiles, forward, select, gradients = Mutant.parts()
