"""With N ≥ 3000, the gradient of v is not cleared before rows are added, and unselected rows hold NaN."""

import numpy as np
from _numpy_backend import NumpyBackend
from _shaped import Bite, sized

CLAUSE, STAGE = "GRD-2", "gradient"
BITES = Bite(sized(num_experts=55**2), gradients=True)


class Mutant(NumpyBackend):
    def scatter_sum(self, r, name, weights, rows):
        out = super().scatter_sum(r, name, weights, rows)
        if name == "v" and len(out) >= 3000:
            out[np.setdiff1d(np.arange(len(out)), r.ids)] = np.nan
        return out


name, profiles, forward, select, gradients = Mutant.as_backend()
