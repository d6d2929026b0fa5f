"""Experts are listed by id, and the backend does not claim the profile select."""

from _base import ALL, NumpyBackend, take


class Variant(NumpyBackend):
    profiles = ALL - {"select"}

    def selection(self, s1, s2, k):
        scores, ids = super().selection(s1, s2, k)
        order = ids.argsort(-1)
        return take(scores, order), take(ids, order)


name, profiles, forward, select, gradients = Variant.as_backend()
