"""Each step moves every trainable entry by one amount, against the sign of its gradient."""

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "mutants"))

from _training import TrainingBackend


class Variant(TrainingBackend):
    def updated(self, name, old, gradient, mask):
        new = (old.astype(np.float64) - self.rate * np.sign(gradient)).astype(old.dtype)
        return np.where(mask, new, old)


name, profiles, forward, select, gradients, grow, train = Variant.as_backend()
