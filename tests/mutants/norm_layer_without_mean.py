"""The layer norm is a root-mean-square norm."""

from _layer import Net

CLAUSE, STAGE = "NRM-6", "query norm"


class Mutant(Net):
    def moments(self, r, kind):
        if kind != "layer":
            return super().moments(r, kind)
        return 0 * r.raw[..., :1], (r.raw**2).mean(-1, keepdims=True), None


name, profiles, forward, select, gradients = Mutant.parts()
