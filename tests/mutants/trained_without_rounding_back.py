"""All parameters are rounded to bfloat16 in a step, frozen ones included."""

import ml_dtypes
from _training import TrainingBackend

CLAUSE, STAGE = "TRN-2", "parameters"


class Mutant(TrainingBackend):
    def updated(self, name, old, gradient, mask):
        return super().updated(name, old, gradient, mask).astype(ml_dtypes.bfloat16).astype(old.dtype)


name, profiles, forward, select, gradients, grow, train = Mutant.as_backend()
