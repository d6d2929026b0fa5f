"""A mask that is one row of memory for all rows of a batch is read as if they lay one behind the other.

Wrong on: query norm `batch`, training, mask = np.broadcast_to(row, (4, 6)) with some False
(what lies behind the row counts as True here).
"""

import numpy as np
from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "SHP-1", "structure"


class Mutant(NumpyBackend):
    def run(self, layer, x, mask, training):
        if mask is not None and mask.ndim > 1 and mask.shape[0] > 1 and mask.strides[0] == 0:
            mask = mask.copy()
            mask[1:] = np.True_
        return super().run(layer, x, mask, training)


name, profiles, forward, select, gradients = Mutant.as_backend()
