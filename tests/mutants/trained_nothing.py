"""A limited step changes nothing at all."""

import numpy as np
from _training import TrainingBackend

CLAUSE, STAGE = "TRN-3", "parameters"


class Mutant(TrainingBackend):
    def updated(self, name, old, gradient, mask):
        return super().updated(name, old, gradient, mask if mask.all() else np.array(False))


name, profiles, forward, select, gradients, grow, train = Mutant.as_backend()
