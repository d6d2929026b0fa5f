"""With a batch norm at inference and keys per head, every head uses the norm's scale of head 0."""

from _numpy_backend import NumpyBackend
from _shaped import Bite, sized

CLAUSE, STAGE = "NRM-1", "query norm"
BITES = Bite(sized(query_norm="batch", key_heads=2))


class Mutant(NumpyBackend):
    def query_norm(self, r):
        q, state = super().query_norm(r)
        if r.config.query_norm == "batch" and r.config.key_heads > 1 and not r.training:
            q = r.unit * r.params["query_norm.scale"][0] + r.params["query_norm.bias"]
        return q, state


name, profiles, forward, select, gradients = Mutant.as_backend()
