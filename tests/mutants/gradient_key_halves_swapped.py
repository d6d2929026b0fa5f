"""The gradients of the two halves of the sub-keys are swapped."""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "GRD-1", "gradient"


class Mutant(NumpyBackend):
    def keys_backward(self, r, dscores):
        dkeys, dq = super().keys_backward(r, dscores)
        return dkeys[:, ::-1].copy(), dq


name, profiles, forward, select, gradients = Mutant.as_backend()
