"""The query bias is read in memory order."""

from _numpy_backend import NumpyBackend
from _shaped import Bite, in_columns, sized

CLAUSE, STAGE = "PAR-1", "structure"
BITES = Bite(sized(query_bias=True), change=in_columns("query.bias"))


class Mutant(NumpyBackend):
    def query(self, r):
        if r.config.query_bias:
            bias = r.params["query.bias"]
            r.params["query.bias"] = bias.ravel(order="K").reshape(bias.shape)
        return super().query(r)


name, profiles, forward, select, gradients = Mutant.as_backend()
