"""y is [T, M] whatever the leading axes of x."""

from dataclasses import replace

from _layer import Net

CLAUSE, STAGE = "SHP-1", "structure"


class Mutant(Net):
    def answer(self, r, lead):
        out = super().answer(r, lead)
        return replace(out, y=out.y.reshape(-1, r.config.d_out))


name, profiles, forward, select, gradients = Mutant.parts()
