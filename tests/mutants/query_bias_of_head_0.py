"""Every head uses the query bias of head 0."""

import numpy as np
from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "QRY-1", "query"


class Mutant(NumpyBackend):
    def query(self, r):
        q = np.einsum("hcd,td->thc", r.params["query.weight"], r.x)
        return q + r.params["query.bias"][0] if r.config.query_bias else q


name, profiles, forward, select, gradients = Mutant.as_backend()
