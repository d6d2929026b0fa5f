"""A mask is read in memory order."""

from _numpy_backend import NumpyBackend
from _shaped import Bite, in_columns, sized

CLAUSE, STAGE = "SHP-1", "structure"
BITES = Bite(sized(query_norm="batch"), (2, 5), masked=True, training=True, change=in_columns("mask"))


class Mutant(NumpyBackend):
    def run(self, layer, x, mask, training):
        return super().run(layer, x, None if mask is None else mask.ravel(order="K"), training)


name, profiles, forward, select, gradients = Mutant.as_backend()
