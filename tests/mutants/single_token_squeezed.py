"""Axes of length one are squeezed away, so one token loses its leading axis."""

from dataclasses import replace

from _layer import Net

CLAUSE, STAGE = "SHP-1", "structure"


class Mutant(Net):
    def answer(self, r, lead):
        out = super().answer(r, lead)
        return replace(out, y=out.y.squeeze())


name, profiles, forward, select, gradients = Mutant.parts()
