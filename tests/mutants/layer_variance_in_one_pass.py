"""The variance of the layer norm is E[q²] − E[q]², which can be negative."""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "NRM-6", "query norm"


class Mutant(NumpyBackend):
    def moments(self, r, kind):
        if kind != "layer":
            return super().moments(r, kind)
        q = r.raw_query
        mean = q.mean(-1, keepdims=True)
        return mean, (q * q).mean(-1, keepdims=True) - mean * mean, None


name, profiles, forward, select, gradients = Mutant.as_backend()
