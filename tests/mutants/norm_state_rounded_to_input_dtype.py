"""The updated running statistics pass through the dtype of the learned parameters."""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "NRM-3", "query norm"


class Mutant(NumpyBackend):
    def running_statistics(self, r, mean, var):
        found = super().running_statistics(r, mean, var)
        return {name: new.astype(r.layer.dtype).astype(new.dtype) for name, new in found.items()}


name, profiles, forward, select, gradients = Mutant.as_backend()
