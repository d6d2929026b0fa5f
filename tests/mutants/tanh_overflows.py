"""tanh is computed as (exp(2z) − 1)/(exp(2z) + 1), which overflows."""

import math

import numpy as np
from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "ACT-1", "activation"


class Mutant(NumpyBackend):
    def gelu_tanh_term(self, a):
        one = a.dtype.type
        powers = np.exp(2 * one(math.sqrt(2 / math.pi)) * (a + one(0.044715) * a * a * a))
        return (powers - 1) / (powers + 1)


name, profiles, forward, select, gradients = Mutant.as_backend()
