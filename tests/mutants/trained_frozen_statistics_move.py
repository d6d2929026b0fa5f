"""Running statistics are updated although they are frozen."""

from _training import TrainingBackend

from peerspec.reference import Trainable

CLAUSE, STAGE = "TRN-4", "parameters"


class Mutant(TrainingBackend):
    def statistics(self, layer, x, part):
        return super().statistics(layer, x, Trainable())


name, profiles, forward, select, gradients, grow, train = Mutant.as_backend()
