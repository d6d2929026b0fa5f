"""The batch is padded with zeros to a multiple of eight tokens, and the padding counts in the batch statistics."""

import numpy as np
from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "NRM-2", "query norm"


class Mutant(NumpyBackend):
    def batch_moments(self, r, counted):
        padded = np.concatenate([counted, np.zeros((-len(counted) % 8, *counted.shape[1:]), counted.dtype)])
        return padded.mean(0), padded.var(0)


name, profiles, forward, select, gradients = Mutant.as_backend()
