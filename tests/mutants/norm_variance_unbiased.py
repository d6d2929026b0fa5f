"""The batch variance is divided by T − 1."""

from _layer import Net

CLAUSE, STAGE = "NRM-2", "query norm"


class Mutant(Net):
    def batch_moments(self, r, counted):
        tokens = len(counted)
        return counted.mean(0), counted.var(0) * (tokens / max(tokens - 1, 1))


name, profiles, forward, select, gradients = Mutant.parts()
