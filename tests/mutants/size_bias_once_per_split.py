"""For D ≥ 512 and h·d > 512, the query is a split-K product whose two parts both begin with the bias.

Wrong on: D = 512, h = 4, d = 256, query bias, any x.
"""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "QRY-1", "query"


class Mutant(NumpyBackend):
    def query(self, r):
        q, c = super().query(r), r.config
        return q + r.params["query.bias"] if c.query_bias and c.d_model >= 512 < c.heads * c.d_key else q


name, profiles, forward, select, gradients = Mutant.as_backend()
