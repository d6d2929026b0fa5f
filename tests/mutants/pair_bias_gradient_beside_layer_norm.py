"""With a layer norm, the gradient of the query bias is that of the norm's own bias."""

from _numpy_backend import NumpyBackend
from _shaped import Bite, sized

CLAUSE, STAGE = "GRD-1", "gradient"
BITES = Bite(sized(query_norm="layer", query_bias=True), gradients=True)


class Mutant(NumpyBackend):
    def backward(self, r):
        grads = super().backward(r)
        if r.config.query_norm == "layer" and r.config.query_bias:
            grads["query.bias"] = grads["query_norm.bias"]
        return grads


name, profiles, forward, select, gradients = Mutant.as_backend()
