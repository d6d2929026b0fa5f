"""Batch moments are merged from those of chunks of 1024 tokens, and a partial last chunk weighs as much as a whole one.

Wrong on: query norm `batch`, training, T = 1100.
"""

import numpy as np
from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "NRM-2", "query norm"


class Mutant(NumpyBackend):
    def batch_moments(self, r, counted):
        if len(counted) <= 1024:
            return super().batch_moments(r, counted)
        parts = [counted[at : at + 1024] for at in range(0, len(counted), 1024)]
        mean = np.mean([part.mean(0) for part in parts], 0)
        return mean, np.mean([((part - mean) ** 2).mean(0) for part in parts], 0)


name, profiles, forward, select, gradients = Mutant.as_backend()
