"""The gradient of batch statistics is divided by the number of all tokens instead of counted tokens."""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "GRD-7", "gradient"


class Mutant(NumpyBackend):
    def norm_backward(self, r, dq, grads):
        out = super().norm_backward(r, dq, grads)
        if r.config.query_norm != "batch":
            return out
        dunit = dq * r.params["query_norm.scale"]
        counted = r.mask[:, None, None] / r.compute_dtype.type(len(r.x))
        return (dunit - counted * dunit.sum(0) - counted * r.unit * (dunit * r.unit).sum(0)) / r.std


name, profiles, forward, select, gradients = Mutant.as_backend()
