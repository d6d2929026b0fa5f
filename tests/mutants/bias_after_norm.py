"""The query bias is added after the query norm."""

import numpy as np
from _layer import Net

CLAUSE, STAGE = "QRY-1", "query norm"


class Mutant(Net):
    def query(self, r):
        return np.einsum("hcd,td->thc", r.params["query.weight"], r.x)

    def norm(self, r):
        q, state = super().norm(r)
        return (q + r.params["query.bias"] if r.config.query_bias else q), state


name, profiles, forward, select, gradients = Mutant.parts()
