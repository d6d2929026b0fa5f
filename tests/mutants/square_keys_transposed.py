"""Sub-keys are turned round where n = d/2."""

from _layer import Net

CLAUSE, STAGE = "SCO-1", "score"


class Mutant(Net):
    def keys(self, r):
        keys = super().keys(r)
        return keys.swapaxes(2, 3) if keys.shape[2] == keys.shape[3] else keys


name, profiles, forward, select, gradients = Mutant.parts()
