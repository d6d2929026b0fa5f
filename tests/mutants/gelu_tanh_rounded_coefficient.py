"""The coefficient of the cubic term of gelu_tanh is 0.0447 instead of 0.044715."""

import math

import numpy as np
from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "ACT-1", "activation"


class Mutant(NumpyBackend):
    def gelu_tanh_term(self, a):
        one = a.dtype.type
        return np.tanh(one(math.sqrt(2 / math.pi)) * (a + one(0.0447) * a * a * a))


name, profiles, forward, select, gradients = Mutant.as_backend()
