"""The sum in the derivative of softmax is over all heads."""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "GRD-1", "gradient"


class Mutant(NumpyBackend):
    def gate_backward(self, r, dgate):
        if r.config.gate == "sigmoid" or r.config.top_k == 1:
            return super().gate_backward(r, dgate)
        return r.gates * (dgate - (r.gates * dgate).sum((-1, -2), keepdims=True))


name, profiles, forward, select, gradients = Mutant.as_backend()
