"""The gate passes its gradient on as if it were the score."""

from _layer import Net

CLAUSE, STAGE = "GRD-5", "gradient"


class Mutant(Net):
    def gate_backward(self, r, dgate):
        return r.gates * dgate


name, profiles, forward, select, gradients = Mutant.parts()
