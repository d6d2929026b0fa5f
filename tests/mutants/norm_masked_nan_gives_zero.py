"""In training, a masked token that holds NaN gives y = 0."""

import numpy as np
from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "NFT-1", "non-finite"


class Mutant(NumpyBackend):
    def run(self, layer, x, mask, training):
        r = super().run(layer, x, mask, training)
        if mask is not None and training:
            r.y = np.where(np.isnan(r.y), 0, r.y).astype(r.y.dtype)
        return r


name, profiles, forward, select, gradients = Mutant.as_backend()
