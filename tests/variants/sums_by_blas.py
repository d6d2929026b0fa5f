"""Products are matrix products of BLAS."""

import numpy as np
from _base import NumpyBackend


class Variant(NumpyBackend):
    def einsum(self, equation, a, b):
        return np.einsum(equation, a, b, optimize=True)


name, profiles, forward, select, gradients = Variant.as_backend()
