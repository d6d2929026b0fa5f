"""In float32, erf is formula 7.1.26 of Abramowitz and Stegun: its error is 1.5·10⁻⁷ = 2.5u, and PRC-4 allows 16u."""

import numpy as np
from _base import NumpyBackend


class Variant(NumpyBackend):
    def activate(self, kind, a):
        if kind != "gelu" or a.dtype == np.float64:
            return super().activate(kind, a)
        z = np.abs(a) * np.float32(np.sqrt(0.5))
        t = 1 / (1 + np.float32(0.3275911) * z)
        series = (0.254829592, -0.284496736, 1.421413741, -1.453152027, 1.061405429)
        p = np.zeros_like(z)
        for c in reversed(series):
            p = t * (np.float32(c) + p)
        return np.float32(0.5) * a * (1 + np.copysign(1 - p * np.exp(-z * z), a))


name, profiles, forward, select, gradients = Variant.as_backend()
