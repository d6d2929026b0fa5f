"""The momentum of earlier steps moves entries that are not trainable any more."""

import numpy as np
from _training import TrainingBackend

CLAUSE, STAGE = "TRN-2", "parameters"


class Mutant(TrainingBackend):
    def updated(self, name, old, gradient, mask):
        kept = (old.astype(np.float64) - self.rate * self.momentum * self.velocity[name]).astype(old.dtype)
        moved = np.where(self.velocity[name] != 0, kept, old)
        return np.where(mask, super().updated(name, old, gradient, mask), moved)


name, profiles, forward, select, gradients, grow, train = Mutant.as_backend()
