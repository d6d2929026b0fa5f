"""The updated running statistics are returned in float64."""

import numpy as np
from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "PRC-3", "structure"


class Mutant(NumpyBackend):
    def running_statistics(self, r, mean, var):
        return {name: new.astype(np.float64) for name, new in super().running_statistics(r, mean, var).items()}


name, profiles, forward, select, gradients = Mutant.as_backend()
