"""Batch statistics are constants in the gradients of a batch without a mask."""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "GRD-7", "gradient"


class Mutant(NumpyBackend):
    def norm_backward(self, r, dq, grads):
        through = super().norm_backward(r, dq, grads)
        if r.config.query_norm == "batch" and r.training and r.mask.all():
            return self.frozen_norm_backward(r, dq * r.params["query_norm.scale"])
        return through


name, profiles, forward, select, gradients = Mutant.as_backend()
