"""Gradients are divided by the number of tokens."""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "GRD-3", "gradient"


class Mutant(NumpyBackend):
    def backward(self, r):
        return {name: grad / r.compute_dtype.type(len(r.x)) for name, grad in super().backward(r).items()}


name, profiles, forward, select, gradients = Mutant.as_backend()
