"""Terms are added from the last to the first."""

import numpy as np
from _base import Summed


class Variant(Summed):
    def reduce(self, a, b):
        total = np.zeros(a.shape[:-1], a.dtype)
        for m in reversed(range(a.shape[-1])):
            total += a[..., m] * b[..., m]
        return total


name, profiles, forward, select, gradients = Variant.as_backend()
