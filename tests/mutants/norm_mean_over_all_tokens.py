"""Sums over counted tokens are divided by the number of all tokens."""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "NRM-4", "query norm"


class Mutant(NumpyBackend):
    def batch_moments(self, r, counted):
        ratio = r.compute_dtype.type(len(counted) / len(r.x))
        mean = counted.mean(0) * ratio
        return mean, ((counted - mean) ** 2).mean(0) * ratio


name, profiles, forward, select, gradients = Mutant.as_backend()
