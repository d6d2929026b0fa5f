"""tanh is computed as 1 − 2/(exp(2z) + 1)."""

import math

import numpy as np
from _base import NumpyBackend


class Variant(NumpyBackend):
    def gelu_tanh_term(self, a):
        one = a.dtype.type
        z = one(math.sqrt(2 / math.pi)) * (a + one(0.044715) * a * a * a)
        return 1 - 2 / (np.exp(2 * z) + 1)


name, profiles, forward, select, gradients = Variant.as_backend()
