"""tanh is 1 − 2/(exp(2z) + 1)."""

import math

import numpy as np
from _base import Net


class Variant(Net):
    def tanh_inner(self, a):
        one = a.dtype.type
        z = one(math.sqrt(2 / math.pi)) * (a + one(0.044715) * a * a * a)
        return 1 - 2 / (np.exp(2 * z) + 1)


name, profiles, forward, select, gradients = Variant.parts()
