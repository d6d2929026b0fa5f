"""The capacity follows from a number of tokens that is counted in bfloat16, exact up to 256."""

import math
from fractions import Fraction

import ml_dtypes
import numpy as np
from _comparing import ComparingBackend

CLAUSE, STAGE = "XCM-4", "selection"


class Mutant(ComparingBackend):
    def capacity(self, r):
        counted = int(np.asarray(r.mask.sum(), ml_dtypes.bfloat16))
        share = Fraction(repr(r.config.capacity_factor)) / r.config.num_experts
        return min(int(r.mask.sum()), math.ceil(counted * share))


name, profiles, forward, comparison, comparison_gradients = Mutant.as_backend()
