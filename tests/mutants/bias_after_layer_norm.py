"""The query bias is added after the layer norm of the query."""

import numpy as np
from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "QRY-1", "query norm"


class Mutant(NumpyBackend):
    def query(self, r):
        if r.config.query_norm != "layer":
            return super().query(r)
        return np.einsum("hcd,td->thc", r.params["query.weight"], r.x)

    def query_norm(self, r):
        q, state = super().query_norm(r)
        late = r.config.query_norm == "layer" and r.config.query_bias
        return (q + r.params["query.bias"] if late else q), state


name, profiles, forward, select, gradients = Mutant.as_backend()
