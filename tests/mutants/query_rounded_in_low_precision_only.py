"""Queries are rounded to the input dtype."""

from _layer import Net

CLAUSE, STAGE = "PRC-2", "score"


class Mutant(Net):
    def query(self, r):
        return super().query(r).astype(r.layer.dtype).astype(r.compute_dtype)


name, profiles, forward, select, gradients = Mutant.parts()
