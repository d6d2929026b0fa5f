"""ε is added to the standard deviation instead of the variance."""

import numpy as np
from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "NRM-1", "query norm"


class Mutant(NumpyBackend):
    def query_norm(self, r):
        if r.config.query_norm == "none":
            return super().query_norm(r)
        mean, var, state = self.moments(r, r.config.query_norm)
        r.std = np.sqrt(var) + r.compute_dtype.type(self.eps)
        r.unit = (r.raw_query - mean) / r.std
        return r.unit * r.params["query_norm.scale"] + r.params["query_norm.bias"], state


name, profiles, forward, select, gradients = Mutant.as_backend()
