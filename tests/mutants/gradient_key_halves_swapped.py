"""The gradients of the two halves of the sub-keys are stacked the wrong way round."""

from _layer import Net

CLAUSE, STAGE = "GRD-1", "gradient"


class Mutant(Net):
    def keys_backward(self, r, dscores):
        dkeys, dq = super().keys_backward(r, dscores)
        return dkeys[:, ::-1].copy(), dq


name, profiles, forward, select, gradients = Mutant.parts()
