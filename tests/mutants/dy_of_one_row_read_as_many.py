"""A dy that is one row of memory for all tokens is read as if its rows lay one behind the other."""

import numpy as np
from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "SHP-1", "gradient"


class Mutant(NumpyBackend):
    def gradients(self, layer, x, dy, *, mask=None, training=True):
        if dy.size and any(stride == 0 and size > 1 for stride, size in zip(dy.strides, dy.shape, strict=True)):
            first = np.zeros(dy.shape, dy.dtype)
            first.reshape(-1, dy.shape[-1])[0] = dy.reshape(-1, dy.shape[-1])[0]
            dy = first
        return super().gradients(layer, x, dy, mask=mask, training=training)


name, profiles, forward, select, gradients = Mutant.as_backend()
