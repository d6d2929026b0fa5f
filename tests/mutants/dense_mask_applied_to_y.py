"""A dense layer returns 0 for tokens that do not count."""

from _comparing import ComparingBackend

CLAUSE, STAGE = "CMP-5", "expert"


class Mutant(ComparingBackend):
    def dense(self, r):
        super().dense(r)
        r.y[~r.mask] = 0


name, profiles, forward, comparison, comparison_gradients = Mutant.as_backend()
