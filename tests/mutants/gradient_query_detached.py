"""The query is detached, so sub-keys get a gradient and W gets none."""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "GRD-1", "gradient"


class Mutant(NumpyBackend):
    def keys_backward(self, r, dscores):
        dkeys, dq = super().keys_backward(r, dscores)
        return dkeys, 0 * dq


name, profiles, forward, select, gradients = Mutant.as_backend()
