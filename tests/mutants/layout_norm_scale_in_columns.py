"""Scale and bias of the query norm are read in memory order."""

from _numpy_backend import NumpyBackend
from _shaped import Bite, in_columns, sized

CLAUSE, STAGE = "PAR-1", "structure"
BITES = Bite(sized(query_norm="layer"), change=in_columns("query_norm.scale"))


class Mutant(NumpyBackend):
    def query_norm(self, r):
        for name in {"query_norm.scale", "query_norm.bias"} & r.params.keys():
            r.params[name] = r.params[name].ravel(order="K").reshape(r.params[name].shape)
        return super().query_norm(r)


name, profiles, forward, select, gradients = Mutant.as_backend()
