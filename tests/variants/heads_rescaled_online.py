"""One pass over the experts of a head adds e^a·σ(u·x)·v to y and e^a to a sum, rescales both whenever the maximum
grows, and divides y at the end."""

import numpy as np
from _base import NumpyBackend


class Variant(NumpyBackend):
    def output(self, r):
        if r.config.gate == "sigmoid":
            return super().output(r)
        return self.heads(r).sum(1)

    def heads(self, r):
        """The part of y of each head, [T, h, M]."""
        rows, one = r.params["experts.v"], r.compute_dtype.type(1)
        most, total = r.scores[..., 0], np.ones(r.scores.shape[:2], r.compute_dtype)
        y = r.weights[..., :1] * rows[r.ids[..., 0]]
        for k in range(1, r.config.top_k):
            higher = np.maximum(most, r.scores[..., k])
            old = np.where(higher > most, np.exp(most - higher), one)
            new = np.exp(r.scores[..., k] - higher)
            total = total * old + new
            y = y * old[..., None] + (new * r.weights[..., k])[..., None] * rows[r.ids[..., k]]
            most = higher
        return y / total[..., None]


name, profiles, forward, select, gradients = Variant.as_backend()
