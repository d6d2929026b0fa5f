"""The updated running statistics are not returned."""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "NRM-3", "structure"


class Mutant(NumpyBackend):
    def running_statistics(self, r, mean, var):
        return None


name, profiles, forward, select, gradients = Mutant.as_backend()
