"""The updated running statistics are returned flat, as [h·d]."""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "NRM-3", "structure"


class Mutant(NumpyBackend):
    def running_statistics(self, r, mean, var):
        return {name: new.reshape(-1) for name, new in super().running_statistics(r, mean, var).items()}


name, profiles, forward, select, gradients = Mutant.as_backend()
