"""Training without a counted token uses mean 0 and variance 0 instead of raising an error."""

import numpy as np
from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "NRM-5", "query norm"


class Mutant(NumpyBackend):
    def moments(self, r, kind):
        if kind == "batch" and r.training and not r.mask.any():
            zero = np.zeros(r.raw_query.shape[1:], r.compute_dtype)
            return zero, zero, self.running_statistics(r, zero, zero)
        return super().moments(r, kind)


name, profiles, forward, select, gradients = Mutant.as_backend()
