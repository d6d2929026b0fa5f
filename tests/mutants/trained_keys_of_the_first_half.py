"""The mask over sub-keys of the first half holds for both halves."""

from _training import TrainingBackend

CLAUSE, STAGE = "TRN-2", "parameters"


class Mutant(TrainingBackend):
    def masks(self, layer, part):
        found = super().masks(layer, part)
        keys = found["keys"].copy()
        keys[:, 1] = keys[:, 0]
        return found | {"keys": keys}


name, profiles, forward, select, gradients, grow, train = Mutant.as_backend()
