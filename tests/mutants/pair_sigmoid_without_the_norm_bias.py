"""With a layer norm and sigmoid gates, the norm's bias is omitted, which softmax would hardly show."""

from _numpy_backend import NumpyBackend
from _shaped import Bite, sized

CLAUSE, STAGE = "NRM-6", "query norm"
BITES = Bite(sized(query_norm="layer", gate="sigmoid"))


class Mutant(NumpyBackend):
    def query_norm(self, r):
        q, state = super().query_norm(r)
        if r.config.query_norm == "layer" and r.config.gate == "sigmoid":
            q = r.unit * r.params["query_norm.scale"]
        return q, state


name, profiles, forward, select, gradients = Mutant.as_backend()
