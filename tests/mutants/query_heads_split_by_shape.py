"""Queries are split along the axis of heads where h = d/2."""

from _layer import Net

CLAUSE, STAGE = "SCO-1", "score"


class Mutant(Net):
    def query(self, r):
        q = super().query(r)
        return q.swapaxes(1, 2).reshape(q.shape) if r.config.heads == r.config.d_key // 2 else q


name, profiles, forward, select, gradients = Mutant.parts()
