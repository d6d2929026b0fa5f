"""The logistic function is computed as exp(s)/(1 + exp(s)), which overflows."""

import numpy as np
from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "GAT-3", "gate"


class Mutant(NumpyBackend):
    def gates(self, r):
        if r.config.gate != "sigmoid":
            return super().gates(r)
        powers = np.exp(r.scores)
        return powers / (1 + powers)


name, profiles, forward, select, gradients = Mutant.as_backend()
