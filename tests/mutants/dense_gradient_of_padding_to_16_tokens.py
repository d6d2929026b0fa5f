"""The gradient of v of a dense layer adds whole tiles of 16 tokens, with what a longer call left behind the last one.

Wrong on: one dense layer, gradients of T = 16 and then of T = 12: v.
"""

import numpy as np
from _comparing import ComparingBackend

CLAUSE, STAGE = "IND-3", "independence"


class Mutant(ComparingBackend):
    left: dict[object, object] = {}  # noqa: RUF012  (shared by all calls)

    def blocks_backward(self, r):
        grads = super().blocks_backward(r)
        count = len(r.x)
        if r.config.kind != "dense" or count == 1:  # one token has a path of its own
            return grads
        omega = np.asarray(self.neurons(r, self.tables(r, 0), r.x))
        end, key = -(-count // 16) * 16, (r.config, r.layer.dtype, r.input_dtype)
        old_omega, old_dy = self.left.get(key, (omega[:0], r.dy[:0]))
        tail = slice(count, end)
        grads["v"] = grads["v"] + self.product(old_omega[tail].T, old_dy[tail])
        if count >= len(old_omega):
            self.left[key] = omega, r.dy
        return grads


name, profiles, forward, comparison, comparison_gradients = Mutant.as_backend()
