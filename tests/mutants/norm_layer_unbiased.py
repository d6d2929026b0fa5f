"""The layer norm divides by d − 1."""

from _layer import Net

CLAUSE, STAGE = "NRM-6", "query norm"


class Mutant(Net):
    def moments(self, r, kind):
        mean, var, state = super().moments(r, kind)
        d = r.config.d_key
        return mean, var * r.compute_dtype.type(d / (d - 1)) if kind == "layer" else var, state


name, profiles, forward, select, gradients = Mutant.parts()
