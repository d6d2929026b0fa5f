"""The capacity is rounded up after a product in binary floating point, which may be a little above a whole number."""

import math

from _comparing import ComparingBackend

CLAUSE, STAGE = "CMP-6", "selection"


class Mutant(ComparingBackend):
    def capacity(self, r):
        counted = int(r.mask.sum())
        return min(counted, math.ceil(counted * r.config.capacity_factor / r.config.num_experts))


name, profiles, forward, comparison, comparison_gradients = Mutant.as_backend()
