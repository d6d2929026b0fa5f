"""The mask over experts holds for u and w, and not for v."""

import numpy as np
from _training import TrainingBackend

CLAUSE, STAGE = "TRN-2", "parameters"


class Mutant(TrainingBackend):
    def masks(self, layer, part):
        return super().masks(layer, part) | {"experts.v": np.array(True)}


name, profiles, forward, select, gradients, grow, train = Mutant.as_backend()
