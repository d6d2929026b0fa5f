"""Gates are in the reverse order of the experts."""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "GAT-1", "gate"


class Mutant(NumpyBackend):
    def softmax(self, scores):
        return super().softmax(scores)[..., ::-1]


name, profiles, forward, select, gradients = Mutant.as_backend()
