"""A number of experts that is no square is rounded up to one."""

from math import isqrt

from _growing import GrowingBackend

CLAUSE, STAGE = "GRW-2", "parameters"


class Mutant(GrowingBackend):
    def grown(self, config, num_experts):
        return super().grown(config, (isqrt(num_experts - 1) + 1) ** 2)


name, profiles, forward, select, gradients, grow = Mutant.as_backend()
