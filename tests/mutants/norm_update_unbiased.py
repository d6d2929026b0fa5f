"""The running variance is updated with the variance divided by T − 1."""

from _layer import Net

CLAUSE, STAGE = "NRM-3", "query norm"


class Mutant(Net):
    def moved(self, r, mean, var):
        count = r.mask.sum()
        return super().moved(r, mean, var * r.compute_dtype.type(count / (count - 1)))


name, profiles, forward, select, gradients = Mutant.parts()
