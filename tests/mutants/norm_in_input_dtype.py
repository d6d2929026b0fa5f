"""The query norm returns the format of the input."""

from _layer import Net

CLAUSE, STAGE = "NRM-1", "query norm"


class Mutant(Net):
    def norm(self, r):
        q, state = super().norm(r)
        return (q, state) if r.unit is None else (q.astype(r.layer.dtype).astype(r.compute_dtype), state)


name, profiles, forward, select, gradients = Mutant.parts()
