"""From four heads on, softmax subtracts the maximum of all heads."""

import numpy as np
from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "GAT-2", "gate"


class Mutant(NumpyBackend):
    def gates(self, r):
        if r.config.gate == "sigmoid" or r.config.heads < 4:
            return super().gates(r)
        powers = np.exp(r.scores - r.scores.max((-1, -2), keepdims=True))
        return powers / powers.sum(-1, keepdims=True)


name, profiles, forward, select, gradients = Mutant.as_backend()
