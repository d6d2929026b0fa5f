"""The expert (i, j) of a grown table gets the rows of (j, i)."""

from _growing import GrowingBackend

CLAUSE, STAGE = "GRW-1", "parameters"


class Mutant(GrowingBackend):
    def table(self, name, old, new, array, seed):
        found = super().table(name, old, new, array, seed)
        return found.reshape(new.n, new.n, -1).swapaxes(0, 1).reshape(found.shape).copy()


name, profiles, forward, select, gradients, grow = Mutant.as_backend()
