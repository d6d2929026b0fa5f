"""Products and sums keep their rounding errors in a second word (Ogita, Rump and Oishi's Dot2)."""

import numpy as np
from _base import Summed


def two_sum(a, b):
    total = a + b
    part = total - a
    return total, (a - (total - part)) + (b - part)


class Variant(Summed):
    def reduce(self, a, b):
        if a.dtype != np.float32:
            return np.einsum("...i,...i->...", a, b)
        total = lost = np.zeros(a.shape[:-1], a.dtype)
        for i in range(a.shape[-1]):
            exact = a[..., i].astype(np.float64) * b[..., i]
            product = exact.astype(np.float32)
            total, error = two_sum(total, product)
            lost = lost + (error + (exact - product).astype(np.float32))
        return np.where(np.isfinite(lost), total + lost, total)


name, profiles, forward, select, gradients = Variant.as_backend()
