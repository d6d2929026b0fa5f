"""silu takes and gives the format of the input, as a function of a framework does."""

from _layer import Net

CLAUSE, STAGE = "ACT-1", "activation"


class Mutant(Net):
    def expert(self, r):
        self.narrow = r.layer.dtype
        return super().expert(r)

    def activate(self, kind, a):
        if kind != "silu":
            return super().activate(kind, a)
        return super().activate(kind, a.astype(self.narrow).astype(a.dtype)).astype(self.narrow).astype(a.dtype)


name, profiles, forward, select, gradients = Mutant.parts()
