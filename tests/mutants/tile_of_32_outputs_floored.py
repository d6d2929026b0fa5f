"""y is computed in vectors of 32 features, and the rest of M is zero."""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "EXP-1", "expert"


class Mutant(NumpyBackend):
    def output(self, r):
        y = super().output(r)
        whole = y.shape[-1] // 32 * 32
        y[:, whole:] *= whole == 0
        return y


name, profiles, forward, select, gradients = Mutant.as_backend()
