"""The learned scale is left out."""

from _layer import Net

CLAUSE, STAGE = "NRM-1", "query norm"


class Mutant(Net):
    def norm(self, r):
        q, state = super().norm(r)
        return (q, state) if r.unit is None else (r.unit + r.params["query_norm.bias"], state)


name, profiles, forward, select, gradients = Mutant.parts()
