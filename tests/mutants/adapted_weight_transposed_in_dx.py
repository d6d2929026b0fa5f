"""A square base is multiplied with W and not with its transpose on the way back."""

import numpy as np
from _adapting import AdaptingBackend

CLAUSE, STAGE = "ADP-5", "gradient"


class Mutant(AdaptingBackend):
    def dx_of_base(self, base, dy):
        wide = base.weight.astype(np.float64)
        return dy @ (wide.T if wide.shape[0] == wide.shape[1] else wide)


name, profiles, forward, select, gradients, adapt, adapter_gradients = Mutant.as_backend()
