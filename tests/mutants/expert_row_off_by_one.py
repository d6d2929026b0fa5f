"""The row of v is the one after the row of u."""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "EXP-1", "expert"


class Mutant(NumpyBackend):
    def output(self, r):
        ids, r.ids = r.ids, (r.ids + 1) % r.config.num_experts
        y, r.ids = super().output(r), ids
        return y


name, profiles, forward, select, gradients = Mutant.as_backend()
