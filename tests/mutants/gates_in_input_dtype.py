"""Gates are rounded to the format of the input."""

from _layer import Net

CLAUSE, STAGE = "PRC-2", "gate"


class Mutant(Net):
    def gate(self, r):
        return super().gate(r).astype(r.layer.dtype).astype(r.compute_dtype)


name, profiles, forward, select, gradients = Mutant.parts()
