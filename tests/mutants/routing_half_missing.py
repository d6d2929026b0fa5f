"""The trace has scores and ids but no gates."""

from dataclasses import replace

from _layer import Net

CLAUSE, STAGE = "CNF-3", "structure"


class Mutant(Net):
    def answer(self, r, lead):
        return replace(super().answer(r, lead), gates=None)


name, profiles, forward, select, gradients = Mutant.parts()
