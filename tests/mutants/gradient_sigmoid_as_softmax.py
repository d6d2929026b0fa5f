"""Sigmoid gates use the derivative of softmax."""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "GRD-1", "gradient"


class Mutant(NumpyBackend):
    def gate_backward(self, r, dgate):
        return (
            r.gates * (dgate - (r.gates * dgate).sum(-1, keepdims=True))
            if r.config.top_k > 1
            else super().gate_backward(r, dgate)
        )


name, profiles, forward, select, gradients = Mutant.as_backend()
