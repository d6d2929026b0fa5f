"""Masked tokens count in the running statistics only."""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "NRM-4", "query norm"


class Mutant(NumpyBackend):
    def running_statistics(self, r, mean, var):
        return super().running_statistics(r, *self.batch_moments(r, r.raw_query))


name, profiles, forward, select, gradients = Mutant.as_backend()
