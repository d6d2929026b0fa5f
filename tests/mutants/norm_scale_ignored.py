"""The scale of the query norm is omitted."""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "NRM-1", "query norm"


class Mutant(NumpyBackend):
    def query_norm(self, r):
        q, state = super().query_norm(r)
        return (q, state) if r.unit is None else (r.unit + r.params["query_norm.bias"], state)


name, profiles, forward, select, gradients = Mutant.as_backend()
