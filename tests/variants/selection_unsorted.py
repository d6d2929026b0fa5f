"""The experts are listed by id; it does not claim to select in order."""

from _base import ALL, Net, take


class Variant(Net):
    profiles = ALL - {"select"}

    def choose(self, s1, s2, k):
        scores, ids = super().choose(s1, s2, k)
        order = ids.argsort(-1)
        return take(scores, order), take(ids, order)


name, profiles, forward, select, gradients = Variant.parts()
