"""select() returns an additional leading axis for half scores of shape [n]."""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "SEL-2", "tie"


class Mutant(NumpyBackend):
    def select(self, s1, s2, k):
        if s1.ndim != 1:
            return super().select(s1, s2, k)
        return super().select(s1[None], s2[None], k)


name, profiles, forward, select, gradients = Mutant.as_backend()
