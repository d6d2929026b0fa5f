"""The gradient of the query bias sums the first 64 tokens."""

from _numpy_backend import NumpyBackend
from _shaped import Bite, sized

CLAUSE, STAGE = "GRD-1", "gradient"
BITES = Bite(sized(query_bias=True), (70,), gradients=True)


class Mutant(NumpyBackend):
    def norm_backward(self, r, dq, grads):
        r.dr = super().norm_backward(r, dq, grads)
        return r.dr

    def backward(self, r):
        grads = super().backward(r)
        if r.config.query_bias:
            grads["query.bias"] = r.dr[:64].sum(0)
        return grads


name, profiles, forward, select, gradients = Mutant.as_backend()
