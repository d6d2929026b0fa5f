"""With GLU experts and no norm, the gradient of the query bias omits the last head."""

from _numpy_backend import NumpyBackend
from _shaped import Bite, sized

CLAUSE, STAGE = "GRD-1", "gradient"
BITES = Bite(sized(expert="glu", query_bias=True), gradients=True)


class Mutant(NumpyBackend):
    def backward(self, r):
        grads = super().backward(r)
        if r.config.expert == "glu" and r.config.query_bias and r.config.query_norm == "none":
            grads["query.bias"][-1] = 0
        return grads


name, profiles, forward, select, gradients = Mutant.as_backend()
