"""The query product stops after its first block of 512 features."""

from _layer import Net

CLAUSE, STAGE = "SCO-1", "score"


class Mutant(Net):
    def query(self, r):
        q = self.einsum("hcd,td->thc", r.params["query.weight"][..., :512], r.x[:, :512])
        return q + r.params["query.bias"] if r.config.query_bias else q


name, profiles, forward, select, gradients = Mutant.parts()
