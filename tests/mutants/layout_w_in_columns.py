"""The rows w of GLU experts are read in memory order."""

from _numpy_backend import NumpyBackend
from _shaped import Bite, in_columns, sized

CLAUSE, STAGE = "PAR-1", "structure"
BITES = Bite(sized(expert="glu"), change=in_columns("experts.w"))


class Mutant(NumpyBackend):
    def gather_dot(self, r, name):
        if name == "w":
            r.params["experts.w"] = r.params["experts.w"].ravel(order="K").reshape(r.params["experts.w"].shape)
        return super().gather_dot(r, name)


name, profiles, forward, select, gradients = Mutant.as_backend()
