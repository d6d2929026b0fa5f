"""Variances are E q² − (E q)²."""

import numpy as np
from _base import Net


class Variant(Net):
    def batch_moments(self, r, counted):
        mean = counted.mean(0)
        return mean, np.maximum((counted * counted).mean(0) - mean * mean, 0)


name, profiles, forward, select, gradients = Variant.parts()
