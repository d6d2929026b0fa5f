"""In training the last expert of each selection is another one, as for exploration; its score is right."""

import numpy as np
from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "OUT-4", "independence"


class Mutant(NumpyBackend):
    def selection(self, s1, s2, k):
        n = s1.shape[-1]
        if not self.explores or k >= n * n:
            return super().selection(s1, s2, k)
        scores, ids = super().selection(s1, s2, k + 1)
        keep = [*range(k - 1), k]
        return scores[..., keep], np.ascontiguousarray(ids[..., keep])

    def run(self, layer, x, mask, training):
        self.explores = training and layer.config.query_norm == "none"
        return super().run(layer, x, mask, training)

    def gradients(self, layer, x, dy, *, mask=None, training=True):
        r = super().run(layer, x, mask, training and layer.config.query_norm == "batch")
        r.dy = dy.reshape(-1, r.config.d_out).astype(r.compute_dtype)
        grads = self.backward(r) | {}
        grads["x"] = grads["x"].reshape(x.shape)
        return {name: grad.astype(x.dtype if name == "x" else layer.dtype) for name, grad in grads.items()}

    explores = False


name, profiles, forward, select, gradients = Mutant.as_backend()
