"""The query bias learns although the query maps are frozen."""

import numpy as np
from _training import TrainingBackend

CLAUSE, STAGE = "TRN-2", "parameters"


class Mutant(TrainingBackend):
    def masks(self, layer, part):
        found = super().masks(layer, part)
        return found | {"query.bias": np.array(True)} if "query.bias" in found else found


name, profiles, forward, select, gradients, grow, train = Mutant.as_backend()
