"""An empty batch is padded to one token, and the output of the padding is returned."""

import numpy as np
from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "SHP-1", "structure"


class Mutant(NumpyBackend):
    def forward(self, layer, x, **options):
        return super().forward(layer, x if x.size else np.zeros((1, x.shape[-1]), x.dtype), **options)


name, profiles, forward, select, gradients = Mutant.as_backend()
