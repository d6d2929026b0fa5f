"""Gradients come back in the compute dtype, so bfloat16 layers get float32 gradients."""

import numpy as np
from _layer import Net

CLAUSE, STAGE = "PRC-1", "gradient"


class Mutant(Net):
    def gradients(self, layer, x, dy, **options):
        grads = super().gradients(layer, x, dy, **options)
        return {name: grad.astype(np.float32) for name, grad in grads.items()} if x.dtype.itemsize == 2 else grads


name, profiles, forward, select, gradients = Mutant.parts()
