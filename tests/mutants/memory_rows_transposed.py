"""A product-key memory reads the value of sub-keys (j, i) for (i, j)."""

import numpy as np
from _comparing import ComparingBackend

CLAUSE, STAGE = "PKM-3", "accumulation"


class Mutant(ComparingBackend):
    def recalled(self, r):
        i, j = np.divmod(r.ids, r.config.n)
        return self.einsum("thk,thkm->tm", r.gates, r.params["values"][j * r.config.n + i])


name, profiles, forward, comparison, comparison_gradients = Mutant.as_backend()
