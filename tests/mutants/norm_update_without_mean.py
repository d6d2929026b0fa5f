"""The running mean stays; only the variance is updated."""

from _layer import Net

CLAUSE, STAGE = "NRM-3", "query norm"


class Mutant(Net):
    def moved(self, r, mean, var):
        return super().moved(r, r.params["query_norm.mean"], var)


name, profiles, forward, select, gradients = Mutant.parts()
