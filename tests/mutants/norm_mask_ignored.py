"""Masked tokens enter the batch statistics."""

from _layer import Net

CLAUSE, STAGE = "NRM-4", "query norm"


class Mutant(Net):
    def batch_moments(self, r, counted):
        return super().batch_moments(r, r.raw)


name, profiles, forward, select, gradients = Mutant.parts()
