"""The running variance is updated with a variance divided by T − 1."""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "NRM-3", "query norm"


class Mutant(NumpyBackend):
    def running_statistics(self, r, mean, var):
        count = r.mask.sum()
        return super().running_statistics(r, mean, var * r.compute_dtype.type(count / (count - 1)))


name, profiles, forward, select, gradients = Mutant.as_backend()
