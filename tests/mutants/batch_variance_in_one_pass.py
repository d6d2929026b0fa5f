"""The variance of a batch is E[q²] − E[q]², which can be negative."""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "NRM-2", "query norm"


class Mutant(NumpyBackend):
    def batch_moments(self, r, counted):
        count = counted.dtype.type(len(counted))
        mean = counted.sum(0) / count
        return mean, (counted * counted).sum(0) / count - mean * mean


name, profiles, forward, select, gradients = Mutant.as_backend()
