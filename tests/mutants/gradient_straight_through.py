"""The derivative of a gate by its score is the gate itself, and other scores have no influence."""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "GRD-5", "gradient"


class Mutant(NumpyBackend):
    def gate_backward(self, r, dgate):
        return r.gates * dgate


name, profiles, forward, select, gradients = Mutant.as_backend()
