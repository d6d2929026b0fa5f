"""The gradient of the query bias is summed in the input dtype."""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "PRC-2", "gradient"


class Mutant(NumpyBackend):
    def backward(self, r):
        grads = super().backward(r)
        if r.config.query_bias:
            terms = self.dq.astype(r.layer.dtype)
            grads["query.bias"] = sum(terms[1:], terms[0])
        return grads

    def norm_backward(self, r, dq, grads):
        self.dq = super().norm_backward(r, dq, grads)
        return self.dq


name, profiles, forward, select, gradients = Mutant.as_backend()
