"""The query bias is added to whole vectors of eight features, or to all where there are fewer."""

from _layer import Net

CLAUSE, STAGE = "QRY-1", "query"


class Mutant(Net):
    def query(self, r):
        q = self.einsum("hcd,td->thc", r.params["query.weight"], r.x)
        if not r.config.query_bias:
            return q
        whole = r.config.d_key // 8 * 8 or r.config.d_key
        bias = r.params["query.bias"].copy()
        bias[:, whole:] = 0
        return q + bias


name, profiles, forward, select, gradients = Mutant.parts()
