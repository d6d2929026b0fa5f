"""Gates are detached: nothing flows to the router."""

from _layer import Net

CLAUSE, STAGE = "GRD-1", "gradient"


class Mutant(Net):
    def gate_backward(self, r, dgate):
        return 0 * dgate


name, profiles, forward, select, gradients = Mutant.parts()
