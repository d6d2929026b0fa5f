"""The query bias is added after the query norm."""

import numpy as np
from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "NRM-3", "query norm"


class Mutant(NumpyBackend):
    def query(self, r):
        return np.einsum("hcd,td->thc", r.params["query.weight"], r.x)

    def query_norm(self, r):
        q, state = super().query_norm(r)
        return (q + r.params["query.bias"] if r.config.query_bias else q), state


name, profiles, forward, select, gradients = Mutant.as_backend()
