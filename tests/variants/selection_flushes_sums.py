"""Subnormal sums of half scores become zero."""

from _base import NumpyBackend

from peerspec.reference import Flushing, select_two_stage


class Variant(NumpyBackend):
    def selection(self, s1, s2, k):
        return select_two_stage(s1, s2, k, flush=Flushing.SUMS)


name, profiles, forward, select, gradients = Variant.as_backend()
