"""Every expert computes its tokens one by one."""

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "mutants"))

from _comparing import ComparingBackend


class Variant(ComparingBackend):
    def block(self, r, e, x):
        if not len(x):
            return super().block(r, e, x)
        return np.concatenate([super(Variant, self).block(r, e, row[None]) for row in x])


name, profiles, forward, comparison, comparison_gradients = Variant.as_backend()
