"""A softmax gate is the logistic function of its own score."""

from _numpy_backend import NumpyBackend
from _numpy_functions import logistic

CLAUSE, STAGE = "GAT-1", "gate"


class Mutant(NumpyBackend):
    def softmax(self, scores):
        return logistic(scores)


name, profiles, forward, select, gradients = Mutant.as_backend()
