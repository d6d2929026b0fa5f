"""With a layer norm and keys per head, every head uses the query bias of head 0."""

from _numpy_backend import NumpyBackend
from _shaped import Bite, sized

CLAUSE, STAGE = "QRY-1", "query"
BITES = Bite(sized(query_bias=True, query_norm="layer", key_heads=2))


class Mutant(NumpyBackend):
    def query(self, r):
        q, c = super().query(r), r.config
        if c.query_bias and c.query_norm == "layer" and c.key_heads > 1:
            q = q - r.params["query.bias"] + r.params["query.bias"][0]
        return q


name, profiles, forward, select, gradients = Mutant.as_backend()
