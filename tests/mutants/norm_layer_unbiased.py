"""The variance of the layer norm is divided by d − 1."""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "NRM-6", "query norm"


class Mutant(NumpyBackend):
    def moments(self, r, kind):
        mean, var, state = super().moments(r, kind)
        d = r.config.d_key
        return mean, var * r.compute_dtype.type(d / (d - 1)) if kind == "layer" else var, state


name, profiles, forward, select, gradients = Mutant.as_backend()
