"""The gradient of W is a tenth too small where T > 16 is no multiple of 16, as if a kernel omitted the last tokens."""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "GRD-1", "gradient"


class Mutant(NumpyBackend):
    def backward(self, r):
        grads = super().backward(r)
        whole = len(r.x) // 16 * 16
        if whole and whole < len(r.x):
            grads["query.weight"] = grads["query.weight"] * 0.9
        return grads


name, profiles, forward, select, gradients = Mutant.as_backend()
