"""The inner product has a bias of one half."""

from _layer import Net

CLAUSE, STAGE = "EXP-1", "expert"


class Mutant(Net):
    def gather_dot(self, r, name):
        return super().gather_dot(r, name) + r.compute_dtype.type(0.5)


name, profiles, forward, select, gradients = Mutant.parts()
