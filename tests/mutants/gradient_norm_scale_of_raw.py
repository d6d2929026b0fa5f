"""The gradient of the norm's scale uses queries before normalisation."""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "GRD-7", "gradient"


class Mutant(NumpyBackend):
    def norm_backward(self, r, dq, grads):
        out = super().norm_backward(r, dq, grads)
        if r.unit is not None:
            grads["query_norm.scale"] = (dq * r.raw_query).sum(0)
        return out


name, profiles, forward, select, gradients = Mutant.as_backend()
