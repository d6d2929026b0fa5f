"""A dy that is one number of memory for all entries, as that of a sum over y, is read as a row that begins with it.

Wrong on: dy = np.broadcast_to(np.float32(1), y.shape), M > 1 (what lies behind the number counts as 0 here).
"""

import numpy as np
from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "SHP-1", "gradient"


class Mutant(NumpyBackend):
    def gradients(self, layer, x, dy, *, mask=None, training=True):
        if dy.ndim and dy.shape[-1] > 1 and not any(dy.strides):
            first = np.arange(dy.shape[-1]) == 0
            dy = np.where(first, dy, dy.dtype.type(0))
        return super().gradients(layer, x, dy, mask=mask, training=training)


name, profiles, forward, select, gradients = Mutant.as_backend()
