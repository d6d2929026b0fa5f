"""The k experts with the lowest scores are selected."""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "SEL-3", "selection"


class Mutant(NumpyBackend):
    def selection(self, s1, s2, k):
        scores, ids = super().selection(-s1, -s2, k)
        return -scores, ids


name, profiles, forward, select, gradients = Mutant.as_backend()
