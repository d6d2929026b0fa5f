"""In binary32, products are exact and each addition to an accumulator truncates, as in matrix units."""

import numpy as np
from _base import Summed


def truncated(a):
    """``a`` as float32, rounded towards zero."""
    near = a.astype(np.float32)
    return np.where(np.abs(near.astype(np.float64)) > np.abs(a), np.nextafter(near, np.float32(0)), near)


class Variant(Summed):
    def reduce(self, a, b):
        if a.dtype != np.float32:
            return (a * b).sum(-1)
        total = np.zeros(a.shape[:-1], np.float32)
        for i in range(a.shape[-1]):
            total = truncated(total.astype(np.float64) + a[..., i].astype(np.float64) * b[..., i])
        return total


name, profiles, forward, select, gradients = Variant.as_backend()
