"""Sub-keys are detached, so they get no gradient."""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "GRD-1", "gradient"


class Mutant(NumpyBackend):
    def keys_backward(self, r, dscores):
        dkeys, dq = super().keys_backward(r, dscores)
        return 0 * dkeys, dq


name, profiles, forward, select, gradients = Mutant.as_backend()
