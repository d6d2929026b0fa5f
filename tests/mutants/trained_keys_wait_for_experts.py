"""Sub-keys learn only in steps in which all experts do."""

import numpy as np
from _training import TrainingBackend

CLAUSE, STAGE = "TRN-3", "parameters"


class Mutant(TrainingBackend):
    def masks(self, layer, part):
        found = super().masks(layer, part)
        return found if found["experts.u"].all() else found | {"keys": np.array(False)}


name, profiles, forward, select, gradients, grow, train = Mutant.as_backend()
