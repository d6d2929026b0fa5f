"""The fused path of GLU experts omits the query bias if there is no query norm."""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "QRY-1", "query"


class Mutant(NumpyBackend):
    def query(self, r):
        q = super().query(r)
        fused = r.config.expert == "glu" and r.config.query_norm == "none"
        return q - r.params["query.bias"] if fused and r.config.query_bias else q


name, profiles, forward, select, gradients = Mutant.as_backend()
