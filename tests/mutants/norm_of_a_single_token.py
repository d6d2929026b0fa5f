"""With one counted token, queries are normalised by the running statistics instead of the batch statistics."""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "NRM-2", "query norm"


class Mutant(NumpyBackend):
    def batch_moments(self, r, counted):
        if len(counted) == 1:
            return r.params["query_norm.mean"], r.params["query_norm.var"]
        return super().batch_moments(r, counted)


name, profiles, forward, select, gradients = Mutant.as_backend()
