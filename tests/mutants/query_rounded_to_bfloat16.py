"""Queries are kept in bfloat16."""

from _layer import Net, bfloat16

CLAUSE, STAGE = "PRC-2", "score"


class Mutant(Net):
    def query(self, r):
        return super().query(r).astype(bfloat16).astype(r.compute_dtype)


name, profiles, forward, select, gradients = Mutant.parts()
