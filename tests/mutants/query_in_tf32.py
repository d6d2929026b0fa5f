"""The query is computed in TF32, whose operands have 11 significant bits."""

from _numpy_backend import NumpyBackend
from _numpy_functions import tf32

CLAUSE, STAGE = "PRC-2", "score"


class Mutant(NumpyBackend):
    def query(self, r):
        r.params["query.weight"], x, r.x = tf32(r.params["query.weight"]), r.x, tf32(r.x)
        q, r.x = super().query(r), x
        return q


name, profiles, forward, select, gradients = Mutant.as_backend()
