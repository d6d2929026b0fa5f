"""The query bias is added in vectors of eight features, and the rest of d ≥ 8 is omitted."""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "QRY-1", "query"


class Mutant(NumpyBackend):
    def query(self, r):
        q = self.einsum("hcd,td->thc", r.params["query.weight"], r.x)
        if not r.config.query_bias:
            return q
        whole = r.config.d_key // 8 * 8 or r.config.d_key
        bias = r.params["query.bias"].copy()
        bias[:, whole:] = 0
        return q + bias


name, profiles, forward, select, gradients = Mutant.as_backend()
