"""The running variance is updated with a variance that includes ε."""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "NRM-3", "query norm"


class Mutant(NumpyBackend):
    def running_statistics(self, r, mean, var):
        return super().running_statistics(r, mean, var + r.compute_dtype.type(1e-5))


name, profiles, forward, select, gradients = Mutant.as_backend()
