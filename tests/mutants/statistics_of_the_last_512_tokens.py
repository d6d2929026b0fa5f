"""Batches are normed in chunks of 512, and the last one gives the running statistics."""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "NRM-3", "query norm"


class Mutant(NumpyBackend):
    def running_statistics(self, r, mean, var):
        first = (len(r.x) - 1) // 512 * 512
        last = r.raw_query[first:][r.mask[first:]]
        if first and len(last):
            mean, var = last.mean(0), last.var(0)
        return super().running_statistics(r, mean, var)


name, profiles, forward, select, gradients = Mutant.as_backend()
