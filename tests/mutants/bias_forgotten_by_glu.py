"""The fused path of GLU experts starts from queries without their bias, unless a norm has made them first."""

from _layer import Net

CLAUSE, STAGE = "SCO-1", "score"


class Mutant(Net):
    def query(self, r):
        q = super().query(r)
        fused = r.config.expert == "glu" and r.config.query_norm == "none"
        return q - r.params["query.bias"] if fused and r.config.query_bias else q


name, profiles, forward, select, gradients = Mutant.parts()
