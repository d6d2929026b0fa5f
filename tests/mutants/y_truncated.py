"""y is cut off, and not rounded, to the input format."""

import numpy as np
from _layer import Net

CLAUSE, STAGE = "PRC-2", "activation"


class Mutant(Net):
    def mix(self, r):
        y = super().mix(r)
        if r.inside == np.float32 and r.layer.dtype.itemsize == 2:
            return (y.view(np.uint32) & np.uint32(0xFFFF0000)).view(np.float32)
        return y


name, profiles, forward, select, gradients = Mutant.parts()
