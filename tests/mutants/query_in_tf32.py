"""The query product runs on tensor cores in TF32: operands have 10 bits after the leading one."""

from _layer import Net, tf32

CLAUSE, STAGE = "PRC-2", "score"


class Mutant(Net):
    def query(self, r):
        r.params["query.weight"], x, r.x = tf32(r.params["query.weight"]), r.x, tf32(r.x)
        q, r.x = super().query(r), x
        return q


name, profiles, forward, select, gradients = Mutant.parts()
