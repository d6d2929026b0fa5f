"""From 64 tokens on, batch statistics multiply queries by the mask, which does not remove a NaN."""

import numpy as np
from _numpy_backend import NumpyBackend
from _shaped import Bite, sized

CLAUSE, STAGE = "NRM-2", "query norm"


def masked_nan(case):
    case["x"][~case["mask"]] = np.nan


BITES = Bite(sized(query_norm="batch"), (70,), masked=True, training=True, change=masked_nan)


class Mutant(NumpyBackend):
    def moments(self, r, kind):
        if kind != "batch" or not r.training or len(r.x) < 64:
            return super().moments(r, kind)
        weight = r.mask[:, None, None] / r.compute_dtype.type(r.mask.sum())
        mean = (weight * r.raw_query).sum(0)
        var = (weight * (r.raw_query - mean) ** 2).sum(0)
        return mean, var, self.running_statistics(r, mean, var)


name, profiles, forward, select, gradients = Mutant.as_backend()
