"""One pass over the experts of a head rescales its sum and not its part of y when the maximum grows after half of k."""

import numpy as np
from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "OUT-1", "accumulation"


class Mutant(NumpyBackend):
    def output(self, r):
        if r.config.gate == "sigmoid":
            return super().output(r)
        order = np.argsort(r.ids, -1)
        ids, scores, weights = (np.take_along_axis(part, order, -1) for part in (r.ids, r.scores, r.weights))
        half = (r.config.top_k + 1) // 2
        most, first = scores.max(-1, keepdims=True), scores[..., :half].max(-1, keepdims=True)
        powers = np.exp(scores - most)
        total = powers.sum(-1, keepdims=True)
        powers[..., :half] = np.exp(scores[..., :half] - first)
        return self.einsum("thk,thkm->tm", powers / total * weights, r.params["experts.v"][ids])


name, profiles, forward, select, gradients = Mutant.as_backend()
