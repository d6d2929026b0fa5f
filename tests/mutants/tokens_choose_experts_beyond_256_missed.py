"""Experts from the 257th on compute nothing."""

from _comparing import ComparingBackend

CLAUSE, STAGE = "TCM-6", "expert"


class Mutant(ComparingBackend):
    def by_expert(self, r, values):
        found = super().by_expert(r, values)
        found[:, 256:] = 0
        return found


name, profiles, forward, comparison, comparison_gradients = Mutant.as_backend()
