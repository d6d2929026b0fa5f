"""Sums are split into four parts, as in a split-K product."""

import numpy as np
from _base import Summed


class Variant(Summed):
    def reduce(self, a, b):
        cuts = np.array_split(np.arange(a.shape[-1]), 4)
        return sum(
            (np.einsum("...i,...i->...", a[..., cut], b[..., cut]) for cut in cuts), np.zeros(a.shape[:-1], a.dtype)
        )


name, profiles, forward, select, gradients = Variant.as_backend()
