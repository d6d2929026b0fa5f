"""The gradients of a table are divided by the share of its rows that are trainable."""

from _training import TrainingBackend

CLAUSE, STAGE = "TRN-3", "parameters"


class Mutant(TrainingBackend):
    def updated(self, name, old, gradient, mask):
        share = mask.mean() or 1.0
        return super().updated(name, old, gradient / share, mask)


name, profiles, forward, select, gradients, grow, train = Mutant.as_backend()
