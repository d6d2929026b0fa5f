"""Mean and variance are updated token by token, after Welford."""

import numpy as np
from _base import Net


class Variant(Net):
    def batch_moments(self, r, counted):
        mean, spread = np.zeros_like(counted[0]), np.zeros_like(counted[0])
        for m, q in enumerate(counted, 1):
            off = q - mean
            mean = mean + off / r.inside.type(m)
            spread = spread + off * (q - mean)
        return mean, spread / r.inside.type(len(counted))


name, profiles, forward, select, gradients = Variant.parts()
