"""Rows are gathered, updated and written back."""

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "mutants"))

from _training import TrainingBackend


class Variant(TrainingBackend):
    def updated(self, name, old, gradient, mask):
        where = np.broadcast_to(mask, old.shape)
        found = old.copy()
        wide = old[where].astype(np.float64)
        self.velocity[name][where] = self.momentum * self.velocity[name][where] + gradient[where] + self.decay * wide
        found[where] = (wide - self.rate * self.velocity[name][where]).astype(old.dtype)
        return found


name, profiles, forward, select, gradients, grow, train = Variant.as_backend()
