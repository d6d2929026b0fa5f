"""The query is detached: keys learn, W does not."""

from _layer import Net

CLAUSE, STAGE = "GRD-1", "gradient"


class Mutant(Net):
    def keys_backward(self, r, dscores):
        dkeys, dq = super().keys_backward(r, dscores)
        return dkeys, 0 * dq


name, profiles, forward, select, gradients = Mutant.parts()
