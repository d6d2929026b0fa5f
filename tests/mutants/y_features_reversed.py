"""The features of y are reversed."""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "EXP-1", "expert"


class Mutant(NumpyBackend):
    def output(self, r):
        return super().output(r)[:, ::-1]


name, profiles, forward, select, gradients = Mutant.as_backend()
