"""gelu is computed as a/2 · erfc(−a/√2)."""

import math

import numpy as np
from _base import NumpyBackend


class Variant(NumpyBackend):
    def activate(self, kind, a):
        if kind != "gelu":
            return super().activate(kind, a)
        half = np.vectorize(math.erfc, otypes=[np.float64])(-a * math.sqrt(0.5)) if a.size else a
        return (a.dtype.type(0.5) * a * half.astype(a.dtype)).astype(a.dtype)


name, profiles, forward, select, gradients = Variant.as_backend()
