"""The capacity is rounded down."""

from _comparing import ComparingBackend

CLAUSE, STAGE = "CMP-6", "selection"


class Mutant(ComparingBackend):
    def capacity(self, r):
        return max(1, int(r.mask.sum() * r.config.capacity_factor / r.config.num_experts)) if r.mask.any() else 0


name, profiles, forward, comparison, comparison_gradients = Mutant.as_backend()
