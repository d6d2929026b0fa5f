"""All N experts are sorted, as long as there are not too many."""

from _base import Net

from peerspec.reference import select_exhaustive, select_staircase


class Variant(Net):
    def choose(self, s1, s2, k):
        return (select_exhaustive if s1.shape[-1] <= 32 else select_staircase)(s1, s2, k)


name, profiles, forward, select, gradients = Variant.parts()
