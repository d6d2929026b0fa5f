"""The derivative of softmax keeps only its diagonal."""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "GRD-1", "gradient"


class Mutant(NumpyBackend):
    def gate_backward(self, r, dgate):
        return r.gates * (1 - r.gates) * dgate


name, profiles, forward, select, gradients = Mutant.as_backend()
