"""With frozen statistics and MLP experts, the gradient of the query bias does not pass the norm."""

from _numpy_backend import NumpyBackend
from _shaped import Bite, sized

CLAUSE, STAGE = "GRD-1", "gradient"
BITES = Bite(sized(query_norm="batch", query_bias=True), gradients=True)


class Mutant(NumpyBackend):
    def norm_backward(self, r, dq, grads):
        r.after_norm = dq
        return super().norm_backward(r, dq, grads)

    def backward(self, r):
        grads, c = super().backward(r), r.config
        if c.query_norm == "batch" and not r.training and c.query_bias and c.expert == "mlp":
            grads["query.bias"] = r.after_norm.sum(0)
        return grads


name, profiles, forward, select, gradients = Mutant.as_backend()
