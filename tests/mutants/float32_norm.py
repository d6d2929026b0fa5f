"""In a float64 layer the query norm is in float32."""

import numpy as np
from _layer import Net

CLAUSE, STAGE = "NRM-1", "query norm"


class Mutant(Net):
    def norm(self, r):
        r.raw = r.raw.astype(np.float32).astype(r.compute_dtype) if r.config.query_norm != "none" else r.raw
        return super().norm(r)


name, profiles, forward, select, gradients = Mutant.parts()
