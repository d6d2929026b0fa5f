"""Batch statistics are used at inference."""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "NRM-1", "query norm"


class Mutant(NumpyBackend):
    def moments(self, r, kind):
        training, r.training = r.training, True
        mean, var, state = super().moments(r, kind)
        return mean, var, state if training else None


name, profiles, forward, select, gradients = Mutant.as_backend()
