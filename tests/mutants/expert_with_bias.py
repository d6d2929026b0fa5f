"""The inner product of an expert has a bias of 0.5."""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "EXP-1", "expert"


class Mutant(NumpyBackend):
    def gather_dot(self, r, name):
        return super().gather_dot(r, name) + r.compute_dtype.type(0.5)


name, profiles, forward, select, gradients = Mutant.as_backend()
