"""The gradients of a bfloat16 or float16 layer are returned in float32."""

import numpy as np
from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "PRC-6", "gradient"


class Mutant(NumpyBackend):
    def gradients(self, layer, x, dy, **options):
        grads = super().gradients(layer, x, dy, **options)
        return {name: grad.astype(np.float32) for name, grad in grads.items()} if x.dtype.itemsize == 2 else grads


name, profiles, forward, select, gradients = Mutant.as_backend()
