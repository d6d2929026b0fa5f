"""The gradient through the layer norm treats its statistics as constants."""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "GRD-1", "gradient"


class Mutant(NumpyBackend):
    def norm_backward(self, r, dq, grads):
        out = super().norm_backward(r, dq, grads)
        return dq * r.params["query_norm.scale"] / r.std if r.config.query_norm == "layer" else out


name, profiles, forward, select, gradients = Mutant.as_backend()
