"""Sigmoid gates send back the derivative of a softmax."""

from _layer import Net

CLAUSE, STAGE = "GRD-1", "gradient"


class Mutant(Net):
    def gate_backward(self, r, dgate):
        return (
            r.gates * (dgate - (r.gates * dgate).sum(-1, keepdims=True))
            if r.config.top_k > 1
            else super().gate_backward(r, dgate)
        )


name, profiles, forward, select, gradients = Mutant.parts()
