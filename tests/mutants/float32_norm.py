"""In a float64 layer, the input of the query norm is rounded to float32."""

import numpy as np
from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "NRM-1", "query norm"


class Mutant(NumpyBackend):
    def query_norm(self, r):
        r.raw_query = (
            r.raw_query.astype(np.float32).astype(r.compute_dtype) if r.config.query_norm != "none" else r.raw_query
        )
        return super().query_norm(r)


name, profiles, forward, select, gradients = Mutant.as_backend()
