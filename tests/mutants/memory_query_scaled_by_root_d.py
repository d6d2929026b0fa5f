"""Scores of a product-key memory are divided by the root of d, as those of attention."""

import numpy as np
from _comparing import ComparingBackend

CLAUSE, STAGE = "PKM-3", "selection"


class Mutant(ComparingBackend):
    def pkm(self, r):
        r.params["keys"] = r.params["keys"] / r.compute_dtype.type(np.sqrt(r.config.d_key))
        super().pkm(r)


name, profiles, forward, comparison, comparison_gradients = Mutant.as_backend()
