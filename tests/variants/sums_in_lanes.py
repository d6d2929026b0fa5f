"""Terms are added in four SIMD lanes, which are added at the end."""

import numpy as np
from _base import Summed


class Variant(Summed):
    def reduce(self, a, b):
        terms = a * b
        lanes = [terms[..., lane::4] for lane in range(4)]
        total = np.zeros(a.shape[:-1], a.dtype)
        for lane in lanes:
            part = np.zeros(a.shape[:-1], a.dtype)
            for m in range(lane.shape[-1]):
                part += lane[..., m]
            total += part
        return total


name, profiles, forward, select, gradients = Variant.as_backend()
