"""Operands are split into two parts of 8 bits, and three products of parts are added: errors of up to 2⁻¹⁵."""

import ml_dtypes
import numpy as np
from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "PRC-2", "score"


def parts(a):
    high = a.astype(ml_dtypes.bfloat16).astype(a.dtype)
    return high, (a - high).astype(ml_dtypes.bfloat16).astype(a.dtype)


class Mutant(NumpyBackend):
    def einsum(self, equation, a, b):
        (a, low_a), (b, low_b) = parts(a), parts(b)
        return np.einsum(equation, a, low_b) + np.einsum(equation, low_a, b) + np.einsum(equation, a, b)


name, profiles, forward, select, gradients = Mutant.as_backend()
