"""Ranking is not stable: among equal values, the higher index comes first."""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "SEL-2", "tie"


class Mutant(NumpyBackend):
    def selection(self, s1, s2, k):
        n = s1.shape[-1]
        scores, ids = super().selection(s1[..., ::-1], s2[..., ::-1], k)
        return scores, n * n - 1 - ids


name, profiles, forward, select, gradients = Mutant.as_backend()
