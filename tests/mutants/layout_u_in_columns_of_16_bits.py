"""A table u of 16 bits is read in memory order."""

from _numpy_backend import NumpyBackend
from _shaped import Bite, in_columns

CLAUSE, STAGE = "PAR-1", "structure"
BITES = Bite(precision="bfloat16", change=in_columns("experts.u"))


class Mutant(NumpyBackend):
    def gather_dot(self, r, name):
        if r.layer.dtype.itemsize == 2 and name == "u":
            r.params["experts.u"] = r.params["experts.u"].ravel(order="K").reshape(r.params["experts.u"].shape)
        return super().gather_dot(r, name)


name, profiles, forward, select, gradients = Mutant.as_backend()
