"""The routing shows softmax gates, but y is computed with sigmoid gates."""

from _numpy_backend import NumpyBackend
from _numpy_functions import logistic

CLAUSE, STAGE = "OUT-1", "accumulation"


class Mutant(NumpyBackend):
    def output(self, r):
        shown = r.gates
        if r.config.top_k > 1:
            r.gates = logistic(r.scores)
        y, r.gates = super().output(r), shown
        return y


name, profiles, forward, select, gradients = Mutant.as_backend()
