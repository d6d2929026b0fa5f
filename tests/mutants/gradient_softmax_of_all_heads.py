"""The inner product of the softmax derivative runs over all heads."""

from _layer import Net

CLAUSE, STAGE = "GRD-1", "gradient"


class Mutant(Net):
    def gate_backward(self, r, dgate):
        if r.config.gate == "sigmoid" or r.config.top_k == 1:
            return super().gate_backward(r, dgate)
        return r.gates * (dgate - (r.gates * dgate).sum((-1, -2), keepdims=True))


name, profiles, forward, select, gradients = Mutant.parts()
