"""Masked tokens enter the running statistics only."""

from _layer import Net

CLAUSE, STAGE = "NRM-4", "query norm"


class Mutant(Net):
    def moved(self, r, mean, var):
        return super().moved(r, *self.batch_moments(r, r.raw))


name, profiles, forward, select, gradients = Mutant.parts()
