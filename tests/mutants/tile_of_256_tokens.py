"""Only the first block of 256 threads, one per token, writes its output."""

from _layer import Net

CLAUSE, STAGE = "OUT-1", "accumulation"


class Mutant(Net):
    def output(self, r):
        y = super().output(r)
        y[256:] = 0
        return y


name, profiles, forward, select, gradients = Mutant.parts()
