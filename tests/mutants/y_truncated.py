"""In 16-bit layers, y is truncated to 8 significant bits instead of rounded."""

import numpy as np
from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "PRC-2", "activation"


class Mutant(NumpyBackend):
    def output(self, r):
        y = super().output(r)
        if r.compute_dtype == np.float32 and r.layer.dtype.itemsize == 2:
            return (y.view(np.uint32) & np.uint32(0xFFFF0000)).view(np.float32)
        return y


name, profiles, forward, select, gradients = Mutant.as_backend()
