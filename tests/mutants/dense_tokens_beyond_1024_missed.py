"""A grid of 1024 blocks, one for each token, leaves the tokens beyond them without an output."""

from _comparing import ComparingBackend

CLAUSE, STAGE = "DNS-3", "expert"


class Mutant(ComparingBackend):
    def dense(self, r):
        super().dense(r)
        r.y[1024:] = 0


name, profiles, forward, comparison, comparison_gradients = Mutant.as_backend()
