"""Masked tokens get y = 0."""

from _layer import Net

CLAUSE, STAGE = "SHP-2", "structure"


class Mutant(Net):
    def output(self, r):
        return super().output(r) * r.mask[:, None].astype(r.compute_dtype)


name, profiles, forward, select, gradients = Mutant.parts()
