"""The output goes through one more linear map, here a reversal of its features."""

from _layer import Net

CLAUSE, STAGE = "EXP-1", "expert"


class Mutant(Net):
    def output(self, r):
        return super().output(r)[:, ::-1]


name, profiles, forward, select, gradients = Mutant.parts()
