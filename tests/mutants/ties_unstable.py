"""Sorting is not stable: among equals the last comes first."""

from _layer import Net

CLAUSE, STAGE = "SEL-2", "tie"


class Mutant(Net):
    def choose(self, s1, s2, k):
        n = s1.shape[-1]
        scores, ids = super().choose(s1[..., ::-1], s2[..., ::-1], k)
        return scores, n * n - 1 - ids


name, profiles, forward, select, gradients = Mutant.parts()
