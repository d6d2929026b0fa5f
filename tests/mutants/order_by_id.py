"""Experts are listed by id."""

from _numpy_backend import NumpyBackend
from _numpy_functions import take

CLAUSE, STAGE = "SEL-2", "tie"


class Mutant(NumpyBackend):
    def selection(self, s1, s2, k):
        scores, ids = super().selection(s1, s2, k)
        order = ids.argsort(-1)
        return take(scores, order), take(ids, order)


name, profiles, forward, select, gradients = Mutant.as_backend()
