"""With training=False the gradient of the scale of the layer norm is 0."""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "GRD-1", "gradient"


class Mutant(NumpyBackend):
    def norm_backward(self, r, dq, grads):
        out = super().norm_backward(r, dq, grads)
        if r.config.query_norm == "layer" and not r.training:
            grads["query_norm.scale"] *= 0
        return out


name, profiles, forward, select, gradients = Mutant.as_backend()
