"""A product-key memory adds values in float16."""

import numpy as np
from _comparing import ComparingBackend

CLAUSE, STAGE = "PRC-2", "accumulation"


class Mutant(ComparingBackend):
    def recalled(self, r):
        gates, values = r.gates.astype(np.float16), r.params["values"][r.ids].astype(np.float16)
        return np.einsum("thk,thkm->tm", gates, values).astype(r.compute_dtype)


name, profiles, forward, comparison, comparison_gradients = Mutant.as_backend()
