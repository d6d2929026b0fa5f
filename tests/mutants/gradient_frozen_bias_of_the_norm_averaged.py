"""Where the statistics are frozen, the gradient of the bias of the norm is the mean over tokens, not the sum."""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "GRD-9", "gradient"


class Mutant(NumpyBackend):
    def norm_backward(self, r, dq, grads):
        found = super().norm_backward(r, dq, grads)
        if r.config.query_norm == "batch" and not r.training:
            grads["query_norm.bias"] /= len(dq)
        return found


name, profiles, forward, select, gradients = Mutant.as_backend()
