"""Batch moments run through the tokens one by one, by Welford."""

import numpy as np
from _base import Net


class Variant(Net):
    def batch_moments(self, r, counted):
        mean, spread = np.zeros_like(counted[0]), np.zeros_like(counted[0])
        for number, q in enumerate(counted, 1):
            step = q - mean
            mean = mean + step / r.compute_dtype.type(number)
            spread = spread + step * (q - mean)
        return mean, spread / r.compute_dtype.type(len(counted))


name, profiles, forward, select, gradients = Variant.parts()
