"""In a float64 layer gelu_tanh is in float32."""

import numpy as np
from _layer import Net

CLAUSE, STAGE = "ACT-1", "activation"


class Mutant(Net):
    def activate(self, kind, a):
        return super().activate(kind, a.astype(np.float32) if kind == "gelu_tanh" else a).astype(a.dtype)


name, profiles, forward, select, gradients = Mutant.parts()
