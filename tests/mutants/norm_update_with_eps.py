"""ε enters the running variance."""

from _layer import Net

CLAUSE, STAGE = "NRM-3", "query norm"


class Mutant(Net):
    def moved(self, r, mean, var):
        return super().moved(r, mean, var + r.compute_dtype.type(1e-5))


name, profiles, forward, select, gradients = Mutant.parts()
