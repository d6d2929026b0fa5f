"""The derivative of sigmoid gates is computed from gates rounded to the input dtype."""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "PRC-2", "gradient"


class Mutant(NumpyBackend):
    def gate_backward(self, r, dgate):
        if r.config.gate == "sigmoid":
            gates = r.gates.astype(r.layer.dtype).astype(r.compute_dtype)
            return gates * (1 - gates) * dgate
        return super().gate_backward(r, dgate)


name, profiles, forward, select, gradients = Mutant.as_backend()
