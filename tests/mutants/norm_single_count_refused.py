"""With one counted token the running statistics are used, as its variance is zero."""

from _layer import Net

CLAUSE, STAGE = "NRM-2", "query norm"


class Mutant(Net):
    def batch_moments(self, r, counted):
        if len(counted) == 1:
            return r.params["query_norm.mean"], r.params["query_norm.var"]
        return super().batch_moments(r, counted)


name, profiles, forward, select, gradients = Mutant.parts()
