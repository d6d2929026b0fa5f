"""Of every two rows of half scores the second is computed on a thread that flushes subnormal numbers to zero."""

import numpy as np
from _numpy_backend import NumpyBackend

from peerspec.reference.flushing import flushed

CLAUSE, STAGE = "SEL-2", "tie"


class Mutant(NumpyBackend):
    def selection(self, s1, s2, k):
        return super().selection(by_threads(s1), by_threads(s2), k)


def by_threads(scores):
    rows = scores.reshape(-1, scores.shape[-1])
    other = (np.arange(len(rows)) % 2 > 0)[:, None]
    return np.where(other, flushed(rows), rows).reshape(scores.shape)


name, profiles, forward, select, gradients = Mutant.as_backend()
