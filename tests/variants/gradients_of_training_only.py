"""It does not claim frozen statistics, and its ``gradients`` does not take the keyword ``training``."""

from _base import ALL, NumpyBackend


class Variant(NumpyBackend):
    profiles = ALL - {"frozen-statistics"}

    def gradients(self, layer, x, dy, *, mask=None):
        return super().gradients(layer, x, dy, mask=mask)


name, profiles, forward, select, gradients = Variant.as_backend()
