"""With N ≥ 1000, v is read in memory order."""

from _numpy_backend import NumpyBackend
from _shaped import Bite, in_columns, sized

CLAUSE, STAGE = "PAR-1", "structure"
BITES = Bite(sized(num_experts=32**2), change=in_columns("experts.v"))


class Mutant(NumpyBackend):
    def output(self, r):
        if r.config.num_experts >= 1000:
            r.params["experts.v"] = r.params["experts.v"].ravel(order="K").reshape(r.params["experts.v"].shape)
        return super().output(r)


name, profiles, forward, select, gradients = Mutant.as_backend()
