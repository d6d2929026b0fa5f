"""The mask is inverted in place."""

import numpy as np
from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "IND-2", "structure"


class Mutant(NumpyBackend):
    def run(self, layer, x, mask, training):
        r = super().run(layer, x, mask, training)
        if mask is not None:
            np.logical_not(mask, out=mask)
        return r


name, profiles, forward, select, gradients = Mutant.as_backend()
