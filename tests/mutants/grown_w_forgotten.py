"""The table w of a GLU grows as if it had no old rows."""

from _growing import GrowingBackend

CLAUSE, STAGE = "GRW-1", "parameters"


class Mutant(GrowingBackend):
    def table(self, name, old, new, array, seed):
        found = super().table(name, old, new, array, seed)
        if name == "experts.w":
            found.reshape(new.n, new.n, -1)[: old.n, : old.n] = 0
        return found


name, profiles, forward, select, gradients, grow = Mutant.as_backend()
