"""Where n = d/2, sub-keys are transposed."""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "SCO-1", "score"


class Mutant(NumpyBackend):
    def keys(self, r):
        keys = super().keys(r)
        return keys.swapaxes(2, 3) if keys.shape[2] == keys.shape[3] else keys


name, profiles, forward, select, gradients = Mutant.as_backend()
