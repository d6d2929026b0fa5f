"""An empty batch is padded to one token and the padding returned."""

import numpy as np
from _layer import Net

CLAUSE, STAGE = "SHP-1", "structure"


class Mutant(Net):
    def forward(self, layer, x, **options):
        return super().forward(layer, x if x.size else np.zeros((1, x.shape[-1]), x.dtype), **options)


name, profiles, forward, select, gradients = Mutant.parts()
