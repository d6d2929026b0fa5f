"""Leading axes are swapped on the way in and not on the way out."""

import numpy as np
from _layer import Net

CLAUSE, STAGE = "SHP-1", "structure"


class Mutant(Net):
    def tokens(self, x, dtype):
        swapped = np.swapaxes(x, 0, 1) if x.ndim > 2 else x
        return super().tokens(np.ascontiguousarray(swapped), dtype)


name, profiles, forward, select, gradients = Mutant.parts()
