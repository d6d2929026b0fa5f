"""A grown table is the grid of old rows with rows and columns of zeros around it."""

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "mutants"))

from _growing import GrowingBackend


class Variant(GrowingBackend):
    def keys(self, old, new, array, seed):
        return np.pad(array, [(0, 0), (0, 0), (0, new.n - old.n), (0, 0)])

    def table(self, name, old, new, array, seed):
        more = (0, new.n - old.n)
        return np.pad(array.reshape(old.n, old.n, -1), [more, more, (0, 0)]).reshape(new.num_experts, -1)


name, profiles, forward, select, gradients, grow = Variant.as_backend()
