"""The capacity of an expert has 8 bits."""

from _comparing import ComparingBackend

CLAUSE, STAGE = "CMP-6", "selection"


class Mutant(ComparingBackend):
    def capacity(self, r):
        return super().capacity(r) & 0xFF


name, profiles, forward, comparison, comparison_gradients = Mutant.as_backend()
