"""Gradients with frozen statistics read W in memory order."""

from _numpy_backend import NumpyBackend
from _shaped import Bite, in_columns, sized

CLAUSE, STAGE = "PAR-1", "gradient"
BITES = Bite(sized(query_norm="batch"), gradients=True, change=in_columns("query.weight"))


class Mutant(NumpyBackend):
    def dx_router(self, r, dq):
        if r.config.query_norm == "batch" and not r.training:
            weight = r.params["query.weight"]
            r.params["query.weight"] = weight.ravel(order="K").reshape(weight.shape)
        return super().dx_router(r, dq)


name, profiles, forward, select, gradients = Mutant.as_backend()
