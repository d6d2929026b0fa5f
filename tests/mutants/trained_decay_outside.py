"""Weight decay reaches rows outside the trainable part."""

import numpy as np
from _training import TrainingBackend

CLAUSE, STAGE = "TRN-2", "parameters"


class Mutant(TrainingBackend):
    def updated(self, name, old, gradient, mask):
        decayed = (old.astype(np.float64) * (1 - self.rate * self.decay)).astype(old.dtype)
        return np.where(mask, super().updated(name, old, gradient, mask), decayed)


name, profiles, forward, select, gradients, grow, train = Mutant.as_backend()
