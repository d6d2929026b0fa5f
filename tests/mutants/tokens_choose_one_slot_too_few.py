"""Experts compute one token less than their capacity."""

from _comparing import ComparingBackend

CLAUSE, STAGE = "TCM-5", "selection"


class Mutant(ComparingBackend):
    def places(self, r):
        return max(1, super().places(r) - 1)


name, profiles, forward, comparison, comparison_gradients = Mutant.as_backend()
