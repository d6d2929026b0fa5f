"""The query uses only the first 512 features of a token."""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "SCO-1", "score"


class Mutant(NumpyBackend):
    def query(self, r):
        q = self.einsum("hcd,td->thc", r.params["query.weight"][..., :512], r.x[:, :512])
        return q + r.params["query.bias"] if r.config.query_bias else q


name, profiles, forward, select, gradients = Mutant.as_backend()
