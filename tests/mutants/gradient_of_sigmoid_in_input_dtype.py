"""The sigmoid gate's slope is taken from gates rounded to the format of the input."""

from _layer import Net

CLAUSE, STAGE = "GRD-1", "gradient"


class Mutant(Net):
    def gate_backward(self, r, dgate):
        if r.config.gate == "sigmoid":
            gates = r.gates.astype(r.layer.dtype).astype(r.compute_dtype)
            return gates * (1 - gates) * dgate
        return super().gate_backward(r, dgate)


name, profiles, forward, select, gradients = Mutant.parts()
