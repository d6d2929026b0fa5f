"""Masked tokens get y = 0."""

from _layer import Net

CLAUSE, STAGE = "SHP-2", "structure"


class Mutant(Net):
    def mix(self, r):
        return super().mix(r) * r.mask[:, None].astype(r.inside)


name, profiles, forward, select, gradients = Mutant.parts()
