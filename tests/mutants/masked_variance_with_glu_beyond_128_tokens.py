"""With GLU and more than 128 tokens, those that do not count enter the variance."""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "NRM-4", "query norm"


class Mutant(NumpyBackend):
    def batch_moments(self, r, counted):
        mean, var = super().batch_moments(r, counted)
        return mean, r.raw_query.var(0) if r.config.expert == "glu" and len(r.x) > 128 else var


name, profiles, forward, select, gradients = Mutant.as_backend()
