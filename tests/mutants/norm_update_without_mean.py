"""The running mean is not updated."""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "NRM-3", "query norm"


class Mutant(NumpyBackend):
    def running_statistics(self, r, mean, var):
        return super().running_statistics(r, r.params["query_norm.mean"], var)


name, profiles, forward, select, gradients = Mutant.as_backend()
