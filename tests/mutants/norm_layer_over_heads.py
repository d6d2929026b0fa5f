"""The layer norm runs over all h·d features of a token."""

from _layer import Net

CLAUSE, STAGE = "NRM-6", "query norm"


class Mutant(Net):
    def moments(self, r, kind):
        if kind != "layer":
            return super().moments(r, kind)
        return r.raw.mean((1, 2), keepdims=True), r.raw.var((1, 2), keepdims=True), None


name, profiles, forward, select, gradients = Mutant.parts()
