"""The inner product has a bias of one half."""

from _layer import Net

CLAUSE, STAGE = "EXP-1", "expert"


class Mutant(Net):
    def project(self, r, name):
        return super().project(r, name) + r.inside.type(0.5)


name, profiles, forward, select, gradients = Mutant.parts()
