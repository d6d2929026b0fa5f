"""The batch variance is divided by T − 1."""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "NRM-2", "query norm"


class Mutant(NumpyBackend):
    def batch_moments(self, r, counted):
        tokens = len(counted)
        return counted.mean(0), counted.var(0) * (tokens / max(tokens - 1, 1))


name, profiles, forward, select, gradients = Mutant.as_backend()
