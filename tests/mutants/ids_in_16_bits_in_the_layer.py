"""The layer, not select(), gathers rows by ids of 16 bits."""

from _layer import Net

CLAUSE, STAGE = "EXP-1", "expert"


class Mutant(Net):
    def gather_dot(self, r, name):
        return super().gather_dot(type(r)(**vars(r) | {"ids": r.ids % 65536}), name)


name, profiles, forward, select, gradients = Mutant.parts()
