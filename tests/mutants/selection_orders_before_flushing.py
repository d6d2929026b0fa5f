"""Subnormal scores are returned as zero, but experts are ordered by the scores before that."""

from _numpy_backend import NumpyBackend

from peerspec.reference.flushing import flushed

CLAUSE, STAGE = "SCO-4", "score"


class Mutant(NumpyBackend):
    def selection(self, s1, s2, k):
        scores, ids = super().selection(s1, s2, k)
        return flushed(scores), ids


name, profiles, forward, select, gradients = Mutant.as_backend()
