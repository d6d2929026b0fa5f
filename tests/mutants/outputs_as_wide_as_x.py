"""Only the first D features of y are computed, and the others are zero."""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "EXP-1", "expert"


class Mutant(NumpyBackend):
    def output(self, r):
        y = super().output(r)
        y[:, r.config.d_model :] = 0
        return y


name, profiles, forward, select, gradients = Mutant.as_backend()
