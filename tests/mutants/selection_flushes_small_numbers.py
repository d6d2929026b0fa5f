"""Half scores up to 2²⁶ times the least normal number, 2⁻¹⁰⁰ in float32, count as zero."""

import numpy as np
from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "SEL-2", "tie"


class Mutant(NumpyBackend):
    def selection(self, s1, s2, k):
        return super().selection(large(s1), large(s2), k)


def large(scores):
    least = scores.dtype.type(2**26) * np.finfo(scores.dtype).tiny
    return np.where(np.abs(scores) < least, 0 * scores, scores)


name, profiles, forward, select, gradients = Mutant.as_backend()
