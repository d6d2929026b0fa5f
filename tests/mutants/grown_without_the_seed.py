"""New values are other ones in every call, whatever the seed."""

import numpy as np
from _growing import GrowingBackend

CLAUSE, STAGE = "IND-3", "independence"


class Mutant(GrowingBackend):
    calls = 0

    def random(self, seed, shape):
        self.calls += 1
        return np.random.default_rng([*seed, self.calls]).standard_normal(shape)


name, profiles, forward, select, gradients, grow = Mutant.as_backend()
