"""The layer norm takes and gives the format of the input."""

from _layer import Net

CLAUSE, STAGE = "NRM-6", "query norm"


class Mutant(Net):
    def norm(self, r):
        q, state = super().norm(r)
        return (q.astype(r.layer.dtype).astype(r.compute_dtype) if r.config.query_norm == "layer" else q), state


name, profiles, forward, select, gradients = Mutant.parts()
