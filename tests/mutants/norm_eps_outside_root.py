"""ε is added to the deviation instead of the variance."""

import numpy as np
from _layer import Net

CLAUSE, STAGE = "NRM-1", "query norm"


class Mutant(Net):
    def norm(self, r):
        if r.config.query_norm == "none":
            return super().norm(r)
        mean, var, state = self.moments(r, r.config.query_norm)
        r.spread = np.sqrt(var) + r.compute_dtype.type(self.eps)
        r.unit = (r.raw - mean) / r.spread
        return r.unit * r.params["query_norm.scale"] + r.params["query_norm.bias"], state


name, profiles, forward, select, gradients = Mutant.parts()
