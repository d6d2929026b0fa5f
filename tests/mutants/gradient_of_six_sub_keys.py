"""In a layer with n = 6 and few heads, the gradients of the sub-keys of the second half are zero."""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "GRD-1", "gradient"


class Mutant(NumpyBackend):
    def keys_backward(self, r, dscores):
        dkeys, dq = super().keys_backward(r, dscores)
        if r.config.n == 6 and r.config.heads < 4:
            dkeys[:, 1] = 0
        return dkeys, dq


name, profiles, forward, select, gradients = Mutant.as_backend()
