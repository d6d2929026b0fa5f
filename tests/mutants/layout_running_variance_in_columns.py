"""The running variance is read in memory order."""

from _numpy_backend import NumpyBackend
from _shaped import Bite, in_columns, sized

CLAUSE, STAGE = "PAR-1", "structure"
BITES = Bite(sized(query_norm="batch"), change=in_columns("query_norm.var"))


class Mutant(NumpyBackend):
    def query_norm(self, r):
        if r.config.query_norm == "batch":
            var = r.params["query_norm.var"]
            r.params["query_norm.var"] = var.ravel(order="K").reshape(var.shape)
        return super().query_norm(r)


name, profiles, forward, select, gradients = Mutant.as_backend()
