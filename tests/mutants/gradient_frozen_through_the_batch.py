"""The forward pass uses frozen statistics, but the gradient flows through means over the counted tokens."""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "GRD-9", "gradient"


class Mutant(NumpyBackend):
    def frozen_norm_backward(self, r, dunit):
        counted = r.mask[:, None, None] / r.compute_dtype.type(r.mask.sum())
        return (dunit - counted * dunit.sum(0) - counted * r.unit * (dunit * r.unit).sum(0)) / r.std


name, profiles, forward, select, gradients = Mutant.as_backend()
