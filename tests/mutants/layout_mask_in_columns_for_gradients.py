"""The backward pass reads a mask in memory order."""

from _numpy_backend import NumpyBackend
from _shaped import Bite, in_columns, sized

CLAUSE, STAGE = "SHP-1", "gradient"
CHANGE = in_columns("mask")
BITES = Bite(sized(query_norm="batch"), (2, 5), masked=True, training=True, gradients=True, change=CHANGE)


class Mutant(NumpyBackend):
    def gradients(self, layer, x, dy, *, mask=None, training=True):
        mask = None if mask is None else mask.ravel(order="K")
        return super().gradients(layer, x, dy, mask=mask, training=training)


name, profiles, forward, select, gradients = Mutant.as_backend()
