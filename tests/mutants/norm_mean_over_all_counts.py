"""Sums of the counted tokens are divided by the number of all tokens."""

from _layer import Net

CLAUSE, STAGE = "NRM-4", "query norm"


class Mutant(Net):
    def batch_moments(self, r, counted):
        share = r.compute_dtype.type(len(counted) / len(r.x))
        mean = counted.mean(0) * share
        return mean, ((counted - mean) ** 2).mean(0) * share


name, profiles, forward, select, gradients = Mutant.parts()
