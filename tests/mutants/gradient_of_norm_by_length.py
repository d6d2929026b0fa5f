"""The gradient of batch statistics is divided by the length of the first axis of x."""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "GRD-7", "gradient"


class Mutant(NumpyBackend):
    def gradients(self, layer, x, dy, **options):
        self.length = len(x) if x.ndim > 2 else 0
        return super().gradients(layer, x, dy, **options)

    def norm_backward(self, r, dq, grads):
        if not self.length or r.config.query_norm != "batch":
            return super().norm_backward(r, dq, grads)
        grads["query_norm.scale"], grads["query_norm.bias"] = (dq * r.unit).sum(0), dq.sum(0)
        dunit = dq * r.params["query_norm.scale"]
        counted = r.mask[:, None, None] / r.compute_dtype.type(self.length)
        return (dunit - counted * dunit.sum(0) - counted * r.unit * (dunit * r.unit).sum(0)) / r.std


name, profiles, forward, select, gradients = Mutant.as_backend()
