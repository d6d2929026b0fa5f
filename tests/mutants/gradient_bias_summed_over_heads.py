"""The gradient of the query bias is summed over heads."""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "GRD-1", "gradient"


class Mutant(NumpyBackend):
    def backward(self, r):
        grads = super().backward(r)
        if r.config.query_bias:
            grads["query.bias"] = grads["query.bias"].sum(0, keepdims=True) + 0 * grads["query.bias"]
        return grads


name, profiles, forward, select, gradients = Mutant.as_backend()
